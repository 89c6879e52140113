"""The status as rows of text. Pure: a fact that is missing is a dash, and its reason a line below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.topology import FUNCTIONS
from tools.health.answers import Answers
from tools.health.facts import BRAKED, Backlog, Facts, Flow, Flush, Latency, Logged, Stored
from tools.pipeline.side_by_side import Missing

WRITERS = ("features", "aggregate")
"""The functions that write to the online store."""
FUNCTION_COLUMNS = ("function", "in/s", "out/s", "answers", "brake", "online store")
SUBSCRIPTION_COLUMNS = ("subscription", "waiting", "oldest s", "failed before")

Cells = Sequence[object]
"""A row; None is a dash."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What is shown, top to bottom."""

    heading: str
    functions: Sequence[Cells]
    subscriptions: Sequence[Cells]
    lines: Sequence[Cells]
    """Name and text: latency, rejections, the flush, the online store."""
    reasons: Sequence[str]
    """Why there are dashes."""


def screen(facts: Facts, pipeline: str) -> Screen:
    """All of it, for a pipeline of this name."""
    return Screen(
        heading=_heading(facts, pipeline),
        functions=[_function(name, facts) for name in FUNCTIONS],
        subscriptions=list(_subscriptions(facts)),
        lines=list(_lines(facts)),
        reasons=list(_reasons(facts)),
    )


def _heading(facts: Facts, pipeline: str) -> str:
    period = facts.period
    end = "" if period.end == facts.at else f" until {period.end:%H:%M:%S}Z, as far as Monitoring has them"
    return f"{pipeline} at {facts.at:%Y-%m-%d %H:%M:%S}Z; rates and counts of {period.seconds:.0f} s{end}"


def _function(name: str, facts: Facts) -> Cells:
    flow = None if isinstance(facts.flows, Missing) else facts.flows.get(name)
    answers = None if isinstance(facts.answers, Missing) else facts.answers.get(name)
    logged = facts.logged.get(name)
    known = None if isinstance(logged, Missing) else logged
    given, done = _rates(name, flow, facts)
    return (name, given, done, _answers(answers), _brake(name, known), _online(name, known))


def _rates(name: str, flow: Flow | None, facts: Facts) -> tuple[float | None, float | None]:
    """Messages pushed and acknowledged; of `aggregate`, which reads a log, the panes that it writes."""
    if name == "aggregate":
        stored = facts.stored
        return None, None if isinstance(stored, Missing) else round(stored.panes / stored.seconds, 1)
    if flow is None:
        return None, None
    return None if flow.given is None else round(flow.given, 1), round(flow.done, 1)


def _answers(answers: Answers | None) -> str | None:
    if answers is None:
        return None
    return (
        ", ".join(f"{status} × {count:,}" for status, count in sorted(answers.counts.items()) if count)
        or "none"
    )


def _brake(name: str, logged: Logged | None) -> str | None:
    if name not in BRAKED or logged is None:
        return None
    if not logged.brake.is_on:
        return "released"
    return f"ENGAGED since {logged.brake.since:%H:%M:%S}Z" if logged.brake.since else "ENGAGED"


def _online(name: str, logged: Logged | None) -> str | None:
    if name not in WRITERS or logged is None:
        return None
    return "NOTHING SENT" if logged.online_store.is_on else "values sent"


def _subscriptions(facts: Facts) -> Iterator[Cells]:
    if isinstance(facts.backlogs, Missing):
        return
    for name, backlog in sorted(facts.backlogs.items()):
        oldest = None if backlog.oldest is None else round(backlog.oldest)
        yield name, backlog.undelivered, oldest, _failures(backlog)


def _failures(backlog: Backlog) -> str | None:
    if backlog.retried is None:
        return None
    return f"{backlog.retried:,}, {backlog.failures} × at most" if backlog.retried else "0"


def _lines(facts: Facts) -> Iterator[Cells]:
    if isinstance(facts.latencies, Missing) or not facts.latencies:
        yield "publish to row", None
    else:
        yield from ((latency.stretch, _latency(latency)) for latency in facts.latencies)
    stored = None if isinstance(facts.stored, Missing) else facts.stored
    yield "rejected", None if stored is None else _rejected(stored)
    yield from _flush(None if isinstance(facts.flush, Missing) else facts.flush)
    yield "online writes", None if stored is None else _online_writes(stored)


def _latency(latency: Latency) -> str:
    events = "" if latency.events is None else f", {latency.events:,} events"
    return f"p50 {latency.p50:.2f} s, p99 {latency.p99:.2f} s{events}"


def _rejected(stored: Stored) -> str:
    parts = [
        f"{each.stage} {each.error_type} {stored.share(each):.1%} ({each.events:,})"
        for each in stored.rejected
    ]
    return ", ".join(parts) or f"none; rows: {stored.rows:,}"


def _flush(flush: Flush | None) -> Iterator[Cells]:
    if flush is None:
        yield "flush", None
        return
    lag = "no flush has run" if flush.lag is None else f"the log is read up to {flush.lag:,.0f} s ago"
    yield "flush", f"{lag}; segments that wait: {flush.segments}, the oldest for {flush.oldest:,.0f} s"
    yield "open windows", flush.open_windows


def _online_writes(stored: Stored) -> str:
    return f"batches that failed: {stored.online_failures:,}"


def _reasons(facts: Facts) -> Iterator[str]:
    """Each once: a service that is silent hides several facts."""
    said: set[str] = set()
    for fact in (facts.backlogs, facts.answers, facts.flows, facts.latencies, facts.stored, facts.flush):
        if isinstance(fact, Missing) and fact.reason not in said:
            said.add(fact.reason)
            yield fact.reason
    for logged in facts.logged.values():
        if isinstance(logged, Missing) and logged.reason not in said:
            said.add(logged.reason)
            yield logged.reason
