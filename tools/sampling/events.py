"""Good events as producers send them: every type of docs/contract.md, most metrics present, some left out."""

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import orjson

Json = Mapping[str, object]

_RATINGS = ("Outstanding", "Good", "Requires improvement", "Inadequate")
_KEY_QUESTIONS = ("safe", "effective", "caring", "responsive", "well-led")
_SERVICES = ("residential", "nursing", "dementia", "respite", "learning disability")
_ALERTS = ("medication", "staffing", "infection control", "fire safety", "care planning")
_BRITISH_SUMMER = timezone(timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class EventMaker:
    """Makes events about `locations`; all randomness is `rng`'s, so equal seeds give equal events."""

    rng: random.Random
    locations: tuple[str, ...]

    def event(self, moment: datetime, identified: bool = True) -> dict[str, object]:
        """One event at `moment` (UTC), identified by an event_id or else by its message id."""
        rng = self.rng
        kind = rng.choices(tuple(_METRICS), weights=_WEIGHTS)[0]
        event: dict[str, object] = {"event_id": self.event_id()} if identified else {}
        return event | {
            "location_id": rng.choice(self.locations),
            "event_type": kind,
            "timestamp": _text(moment, rng),
            "metrics": _METRICS[kind](rng),
        }

    def event_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))


def line(event: Json) -> bytes:
    """The event as one line of JSON, without the newline."""
    return orjson.dumps(event)


def location_ids(rng: random.Random, count: int) -> tuple[str, ...]:
    """Distinct ids that look like the CQC's, such as 1-466088203."""
    return tuple(f"1-{number}" for number in rng.sample(range(100_000_000, 1_000_000_000), count))


def _text(moment: datetime, rng: random.Random) -> str:
    """Most producers write UTC with a Z, some British Summer Time with its offset."""
    if rng.random() < 0.1:
        return moment.astimezone(_BRITISH_SUMMER).isoformat(timespec="milliseconds")
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _choice_of(rng: random.Random, of: tuple[str, ...]) -> list[str]:
    return rng.sample(of, rng.randint(0, min(3, len(of))))


def _with_gaps(rng: random.Random, metrics: dict[str, object]) -> dict[str, object]:
    """Leaves each metric out now and then: all are optional."""
    return {name: value for name, value in metrics.items() if rng.random() < 0.9}


def _inspection(rng: random.Random) -> dict[str, object]:
    metrics: dict[str, object] = {
        "inspection_type": rng.choice(("comprehensive", "focused", "follow-up")),
        "inspector_count": rng.randint(1, 5),
        "duration_days": rng.choice((0.5, 1, 1.5, 2, 3)),
        "areas_assessed": _choice_of(rng, _KEY_QUESTIONS),
        "preliminary_findings": rng.choice(("no concerns", "records incomplete", "good leadership seen")),
        "follow_up_required": rng.random() < 0.3,
        "priority": rng.choice(("standard", "standard", "high")),
        "risk_indicators": _choice_of(rng, ("falls", "pressure ulcers", "turnover", "complaints")),
    }
    return _with_gaps(rng, metrics)


def _rating(rng: random.Random) -> dict[str, object]:
    metrics: dict[str, object] = {
        "previous_rating": rng.choice(_RATINGS),
        "new_rating": rng.choice(_RATINGS),
        "specific_ratings_changed": _choice_of(rng, _KEY_QUESTIONS),
        "change_reason": rng.choice(("inspection", "review of evidence", "appeal")),
        "enforcement_action": rng.random() < 0.1,
        "public_notification": True,
        "effective_date": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
    }
    return _with_gaps(rng, metrics)


def _capacity(rng: random.Random) -> dict[str, object]:
    before = rng.randint(10, 80)
    metrics: dict[str, object] = {
        "previous_beds": before,
        # Some producers send numbers as text (docs/contract.md#the-input-event).
        "new_beds": rng.choice((before + rng.randint(-8, 8), str(before + 2))),
        "change_reason": rng.choice(("refurbishment", "demand", "staff shortage")),
        "affected_services": _choice_of(rng, _SERVICES),
        "approval_required": rng.random() < 0.7,
        "planned_occupancy": round(rng.uniform(0.6, 1.0), 2),
        "staff_adjustment": rng.random() < 0.4,
    }
    return _with_gaps(rng, metrics)


def _compliance(rng: random.Random) -> dict[str, object]:
    metrics: dict[str, object] = {
        "severity": rng.choices(("low", "medium", "high"), weights=(5, 3, 2))[0],
        "category": rng.choice(_ALERTS),
        "affected_areas": _choice_of(rng, _ALERTS),
        "action_required": rng.random() < 0.8,
        "response_deadline": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        "escalation_level": rng.randint(0, 3),
        "repeat_violation": rng.random() < 0.15,
        "potential_enforcement": rng.random() < 0.1,
        "safeguarding_concern": rng.random() < 0.05,
    }
    return _with_gaps(rng, metrics)


def _interaction(rng: random.Random) -> dict[str, object]:
    metrics: dict[str, object] = {
        "user_type": rng.choice(("public", "public", "provider", "inspector")),
        "page_views": rng.randint(1, 12),
        "time_on_page": round(rng.expovariate(1 / 45), 1),
        "interaction_type": rng.choice(("search", "view", "compare", "download")),
        "search_queries": _choice_of(rng, ("care home near me", "nursing", "dementia care", "outstanding")),
        "filters_applied": _choice_of(rng, ("rating", "region", "service")),
        "data_downloaded": rng.random() < 0.05,
        "feedback_provided": rng.random() < 0.03,
        "session_duration": round(rng.expovariate(1 / 240), 1),
    }
    return _with_gaps(rng, metrics)


def _staff_survey(rng: random.Random) -> dict[str, object]:
    """A type that docs/contract.md#event-types does not name: its features are generic."""
    return {
        "value_1": rng.randint(1, 10),
        "value_2": rng.choice(("agree", "disagree", "unsure")),
        "location": "north wing",
        "survey_date": f"2026-{rng.randint(1, 12):02d}-01",
    }


_METRICS: Mapping[str, Callable[[random.Random], dict[str, object]]] = {
    "inspection_update": _inspection,
    "rating_change": _rating,
    "capacity_update": _capacity,
    "compliance_alert": _compliance,
    "dashboard_interaction": _interaction,
    "staff_survey": _staff_survey,
}
_WEIGHTS = (14, 8, 10, 14, 48, 6)
"""Out of 100, in the order above: people look at dashboards far more often than inspectors write."""
