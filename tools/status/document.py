"""The status as JSON for machines: numbers where the screen has text, null where nothing is known."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from tools.health.answers import Answers
from tools.health.facts import Backlog, Facts, Flow, Stored, Switch
from tools.pipeline.side_by_side import Missing

Document = Mapping[str, object]


def document(facts: Facts, pipeline: str) -> Document:
    """One object; `missing` has the reason of every null, by the name of its fact."""
    return {
        "pipeline": pipeline,
        "at": facts.at,
        "period": {"start": facts.period.start, "end": facts.period.end},
        "functions": {name: _function(name, facts) for name in facts.logged},
        "subscriptions": None if isinstance(facts.backlogs, Missing) else _backlogs(facts.backlogs),
        "latency_seconds": None
        if isinstance(facts.latencies, Missing)
        else [asdict(latency) for latency in facts.latencies],
        "stored": None if isinstance(facts.stored, Missing) else _stored(facts.stored),
        "flush": None if isinstance(facts.flush, Missing) else asdict(facts.flush),
        "missing": dict(_missing(facts)),
    }


def _function(name: str, facts: Facts) -> Document:
    flow: Flow | None = None if isinstance(facts.flows, Missing) else facts.flows.get(name)
    answers: Answers | None = None if isinstance(facts.answers, Missing) else facts.answers.get(name)
    logged = facts.logged[name]
    return {
        "in_per_second": flow and flow.given,
        "out_per_second": flow and flow.done,
        "answers": answers and answers.counts,
        "brake": None if isinstance(logged, Missing) else _switch(logged.brake),
        "online_store_given_up": None if isinstance(logged, Missing) else _switch(logged.online_store),
        "last_retry": None if isinstance(logged, Missing) else logged.retry,
    }


def _switch(switch: Switch) -> Document:
    return {"is_on": switch.is_on, "since": switch.since}


def _backlogs(backlogs: Mapping[str, Backlog]) -> Document:
    return {name: asdict(backlog) for name, backlog in backlogs.items()}


def _stored(stored: Stored) -> Document:
    return {
        "seconds": stored.seconds,
        "rows": stored.rows,
        "panes": stored.panes,
        "rejected": [{**asdict(each), "share": round(stored.share(each), 4)} for each in stored.rejected],
        "online_failures": stored.online_failures,
    }


def _missing(facts: Facts) -> Iterator[tuple[str, str]]:
    named = {
        "subscriptions": facts.backlogs,
        "answers": facts.answers,
        "flow": facts.flows,
        "latency_seconds": facts.latencies,
        "stored": facts.stored,
        "flush": facts.flush,
        **{f"log of {name}": logged for name, logged in facts.logged.items()},
    }
    for name, fact in named.items():
        if isinstance(fact, Missing):
            yield name, fact.reason
