"""Whether anything was lost or counted twice, and what else a run must not show."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.demo.reconciliation import Ledger
from tools.pipeline.pubsub_state import ACKNOWLEDGED, NO_ANSWER
from tools.pipeline.warehouse import Warehouse

RETRYABLE = frozenset({429, 503, NO_ANSWER})
DRAIN_FACTOR = 2.0
"""An outage's backlog is gone within this many times its length."""

_MISCOUNTED = """
SELECT COUNT(*) AS windows FROM (
  SELECT counted.location_id, counted.window_start, counted.window_event_count AS counted,
    COUNT(DISTINCT stored.event_id) AS events
  FROM realtime_features_aggregated_latest AS counted
  LEFT JOIN (SELECT event_id, location_id, event_timestamp FROM realtime_features WHERE NOT is_late) AS stored
  ON stored.location_id = counted.location_id
    AND stored.event_timestamp >= counted.window_start AND stored.event_timestamp < counted.window_end
  GROUP BY 1, 2, 3
) AS compared
WHERE counted != events
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left behind."""

    ledger: Ledger
    miscounted: int
    """Windows whose count is not that of their distinct rows."""
    unseen_rows: int
    unseen_values: int
    """Probes that never became visible."""
    answers: Mapping[str, Mapping[int, int]]
    """Function to status to pushes."""
    brake_engaged: bool
    outage_seconds: float | None = None
    drained_after: float | None = None
    """Seconds from the end of the burst or outage; None if it never was, or there was none."""
    disturbed: bool = False


def miscounted_windows(warehouse: Warehouse) -> int:
    """Raises CommandError."""
    return int(str(warehouse.query(_MISCOUNTED).rows[0][0]))


def findings(outcome: Outcome) -> Iterator[str]:
    """A sentence for each thing that is wrong; none after a good run."""
    yield from _lost(outcome.ledger)
    yield from _counted(outcome)
    yield from _late(outcome.ledger)
    if outcome.unseen_rows:
        yield f"{outcome.unseen_rows:,} probes never became a visible row"
    if outcome.unseen_values:
        yield f"{outcome.unseen_values:,} probes never became a visible online value"
    if outcome.brake_engaged:
        yield "the dead-letter brake was engaged, though every event was good"
    for function, answers in outcome.answers.items():
        strange = {
            status: count for status, count in answers.items() if status not in RETRYABLE | ACKNOWLEDGED
        }
        if strange:
            listed = ", ".join(f"{count:,} × {status}" for status, count in sorted(strange.items()))
            yield f"{function} gave answers that are neither done nor retryable: {listed}"
    yield from _drained(outcome)


def _lost(ledger: Ledger) -> Iterator[str]:
    missing = ledger.published - ledger.unique_features - ledger.rejected
    if missing > 0:
        yield f"{missing:,} of {ledger.published:,} events are LOST: neither a row nor a dead letter"
    if missing < 0:
        yield f"there are {-missing:,} more distinct rows and dead letters than events were published"
    if ledger.rejected:
        yield f"{ledger.rejected:,} good events are dead letters instead of rows"


def _counted(outcome: Outcome) -> Iterator[str]:
    ledger = outcome.ledger
    counted, owed = ledger.in_windows, ledger.unique_features - ledger.late
    if counted != owed:
        what = "counted TWICE or more" if counted > owed else "in no window"
        yield f"{abs(counted - owed):,} events are {what}: the windows count {counted:,} of {owed:,}"
    if outcome.miscounted:
        yield f"{outcome.miscounted:,} windows do not count their rows"


def _late(ledger: Ledger) -> Iterator[str]:
    if ledger.late or ledger.late_records:
        late = max(ledger.late, ledger.late_records)
        yield f"{late:,} events are late, though all were published in time"


def _drained(outcome: Outcome) -> Iterator[str]:
    if not outcome.disturbed:
        return
    if outcome.drained_after is None:
        yield "the backlog was never gone"
    elif outcome.outage_seconds is not None and outcome.drained_after > DRAIN_FACTOR * outcome.outage_seconds:
        yield (
            f"the backlog took {outcome.drained_after:.0f} s, more than "
            f"{DRAIN_FACTOR:g} times the outage of {outcome.outage_seconds:g} s"
        )
