"""Whether events flow: brakes, the functions' answers, what waits in front of them. Pure, on facts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from shared.topology import SUBSCRIPTIONS
from tools.doctor.findings import Finding, judged, ok, unknown, wrong
from tools.health.answers import ACKNOWLEDGED, Answers
from tools.health.facts import BRAKED, Backlog, Facts, Known, Logged
from tools.pipeline.side_by_side import Missing

ERROR_RATIO = 0.05
"""Of a function's answers, as in Terraform's alert on a function that fails."""
OLDEST_UNACKED = 300
"""Seconds, as in Terraform's alert on waiting events."""
FAILURES = 3
"""A message that failed once or twice may have met a restart or a full instance."""


@dataclass(frozen=True, slots=True)
class Look:
    """The commands that show what is behind a finding."""

    log: Callable[[str], str]
    """Of a function."""
    reasons: str
    """Why events are rejected."""


def judge(facts: Facts, look: Look) -> Iterator[Finding]:
    """A line per brake, per function that answers, and per subscription that feeds one."""
    for function in BRAKED:
        yield brake(function, facts, look.reasons)
    for function in _answering(facts):
        yield answered(function, facts, look.log(function))
    for function, subscription in SUBSCRIPTIONS.items():
        yield waiting(subscription, facts.backlogs, look.log(function))


def _answering(facts: Facts) -> tuple[str, ...]:
    known = SUBSCRIPTIONS if isinstance(facts.answers, Missing) else facts.answers
    return tuple(known)


def brake(function: str, facts: Facts, fix: str) -> Finding:
    """The dead-letter brake of one function."""
    check = f"dead-letter brake of {function}"
    logged = facts.logged.get(function, Missing("its log was not read"))
    if isinstance(logged, Missing):
        return unknown(check, logged.reason)
    if not logged.brake.is_on:
        return ok(check, "not engaged")
    since = f" at {logged.brake.since:%Y-%m-%d %H:%M:%S}Z" if logged.brake.since else ""
    seen = _of(function, facts.answers)
    if not isinstance(seen, Missing) and not seen.failed:
        return unknown(
            check,
            f"it engaged{since} and has not logged its release, but {function} fails nothing "
            f"{_period(facts)}: the instance may have ended",
        )
    failed = "" if isinstance(seen, Missing) else f"; {_counts(seen.failed)} {_period(facts)}"
    held = f"it engaged{since}: most of what {function} gets is rejected, and Pub/Sub keeps it{failed}"
    return wrong(check, f"{held} (docs/runbook.md, Rejected events are held back)", fix)


def answered(function: str, facts: Facts, fix: str) -> Finding:
    """How a function answered in the period."""
    check = f"answers of {function}"
    seen = _of(function, facts.answers)
    if isinstance(seen, Missing):
        return unknown(check, seen.reason)
    if not seen.total:
        asked = "messages" if ACKNOWLEDGED in seen.counts else "requests"
        return ok(check, f"no {asked} {_period(facts)}")
    text = f"{_counts(seen.counts)} {_period(facts)}"
    failed = sum(seen.failed.values())
    if failed <= ERROR_RATIO * seen.total:
        return ok(check, text)
    return wrong(
        check, f"{failed:,} of {seen.total:,} failed: {text}{_reason(facts.logged.get(function))}", fix
    )


def waiting(subscription: str, backlogs: Known[Mapping[str, Backlog]], fix: str) -> Finding:
    """What one subscription holds."""
    check = f"backlog of {subscription}"
    if isinstance(backlogs, Missing):
        return unknown(check, backlogs.reason)
    seen = backlogs.get(subscription)
    if seen is None:
        return unknown(check, "nobody knows of it: no messages lately, or a new subscription")
    return judged(check, _complaints(seen), _held(seen), fix)


def _complaints(seen: Backlog) -> Iterator[str]:
    keeps_failing = (seen.failures or 0) >= FAILURES
    if (seen.oldest or 0) > OLDEST_UNACKED or keeps_failing:
        yield _held(seen)


def _held(seen: Backlog) -> str:
    if not seen.undelivered or seen.oldest is None:
        return f"messages that wait: {seen.undelivered:,}"
    text = f"messages that wait: {seen.undelivered:,}, the oldest for {seen.oldest:,.0f} s"
    if not seen.retried:
        return text
    return f"{text}; {seen.retried:,} failed before, {seen.failures} × at most"


def _of(function: str, answers: Known[Mapping[str, Answers]]) -> Known[Answers]:
    if isinstance(answers, Missing):
        return answers
    return answers.get(function, Missing("nobody counts its answers"))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{status} × {count:,}" for status, count in sorted(counts.items()) if count)


def _reason(logged: Known[Logged] | None) -> str:
    known = logged is not None and not isinstance(logged, Missing) and logged.retry
    return f"; the last reason in its log: {known}" if known else ""


def _period(facts: Facts) -> str:
    period = facts.period
    if period.end == facts.at:
        return f"in the last {period.seconds:.0f} s"
    return f"in the {period.seconds:.0f} s until {period.end:%H:%M:%S}Z, which Monitoring has"
