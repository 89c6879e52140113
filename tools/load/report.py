"""A run's figures: tables for people, one object for machines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from rich.console import Console

from tools.console import table
from tools.health.answers import answer_of
from tools.load.figures import Percentiles, percentiles
from tools.load.processes import Usage, usage
from tools.load.reconciliation import findings
from tools.load.running import Result
from tools.load.sightings import Sightings
from tools.pipeline.address import Driver
from tools.pipeline.pubsub_state import ACKNOWLEDGED

SETTLED = 0.25
"""Share of the load after which memory is expected to be flat: before, connections open and caches fill."""


def latencies(result: Result) -> Iterator[tuple[str, Percentiles | None]]:
    """Name to seconds; before, in and after a burst or outage, each is counted where it was due."""
    disturbed = result.plan.disturbed
    for name, sightings in (("row in BigQuery", result.rows), ("online value", result.values)):
        yield name, _between(sightings, 0, float("inf"))
        if disturbed is not None:
            begin, end = disturbed
            until = end if result.drained is None else max(end, result.drained)
            yield f"  due before {begin:.0f} s", _between(sightings, 0, begin)
            yield f"  due until {until:.0f} s", _between(sightings, begin, until)
            yield f"  due after {until:.0f} s", _between(sightings, until, float("inf"))


def _between(sightings: Sightings, begin: float, end: float) -> Percentiles | None:
    return percentiles([each.seconds for each in sightings.seen if begin <= each.due < end])


def usages(result: Result) -> Mapping[str, Usage]:
    """Of each part while the load lasted."""
    found = {
        part: usage([each for each in samples if each.at <= result.load_ended], SETTLED * result.load_ended)
        for part, samples in result.observer.samples.items()
    }
    return {part: used for part, used in found.items() if used is not None}


def show(result: Result, people: Console) -> None:
    """The tables, and what is wrong."""
    ledger, publisher = result.outcome.ledger, result.publisher
    rate = publisher.events / result.load_ended
    people.print(
        f"{publisher.events:,} events in {result.load_ended:.0f} s, {rate:,.0f} a second, and "
        f"{publisher.again:,} of them twice; {publisher.failures:,} publish requests were sent again. "
        f"The load itself took {result.own_cpu:.2f} cores.\n"
    )
    people.print(table(("seconds from due to", "probes", "p50", "p95", "p99", "max"), _latency_rows(result)))
    people.print(
        table(
            ("part", "cores", "MiB at first", "peak", "at last", "MiB a minute", "± error", "flat"),
            _usage_rows(usages(result)),
        )
    )
    people.print(table(("function", "acknowledged", "to be delivered again"), _answer_rows(result)))
    if result.plan.disturbed is not None:
        people.print(_backlog(result))
    people.print(
        f"Reconciliation: {ledger.published:,} published = {ledger.unique_features:,} rows + "
        f"{ledger.rejected:,} rejected; {ledger.in_windows:,} counted in windows + {ledger.late:,} late."
    )
    wrong = list(findings(result.outcome))
    for sentence in wrong:
        people.print(f"WRONG: {sentence}", style="bold red")
    if not wrong:
        people.print("Nothing was lost, and nothing was counted twice.", style="bold green")


def _latency_rows(result: Result) -> Iterator[Sequence[object]]:
    for name, found in latencies(result):
        if found is None:
            yield name, 0, None, None, None, None
        else:
            yield (
                name,
                found.count,
                *(f"{value:.2f}" for value in (found.p50, found.p95, found.p99, found.max)),
            )


def _usage_rows(found: Mapping[str, Usage]) -> Iterator[Sequence[object]]:
    for part, used in sorted(found.items()):
        line = used.slope
        yield (
            part,
            f"{used.cpu:.2f}",
            f"{used.first:.0f}",
            f"{used.peak:.0f}",
            f"{used.last:.0f}",
            None if line is None else f"{line.value:+.2f}",
            None if line is None else f"{line.error:.2f}",
            None if line is None else "yes" if line.is_flat else "no",
        )


def _answer_rows(result: Result) -> Iterator[Sequence[object]]:
    for function, answers in sorted(result.outcome.answers.items()):
        retried = {status: count for status, count in sorted(answers.items()) if status not in ACKNOWLEDGED}
        done = sum(count for status, count in answers.items() if status in ACKNOWLEDGED)
        is_pulled = result.plan.driver is Driver.PULL
        text = ", ".join(f"{count:,} × {answer_of(status, is_pulled)}" for status, count in retried.items())
        yield function, f"{done:,}", "", text or "–"


def _backlog(result: Result) -> str:
    most = max((held.total for held in result.observer.held), default=0)
    after = result.outcome.drained_after
    gone = "was never gone" if after is None else f"was gone {after:.0f} s after its end"
    outage = result.plan.outage
    what = f"{outage.part} {outage.how} for {outage.seconds:g} s" if outage else "the burst"
    return f"{what.capitalize()}: at most {most:,} messages were waiting, and the backlog {gone}.\n"


def document(result: Result) -> Mapping[str, object]:
    """For --json and build/load/load.json."""
    return {
        "plan": asdict(result.plan),
        "events": result.publisher.events,
        "sent_twice": result.publisher.again,
        "publish_retries": result.publisher.failures,
        "load_seconds": result.load_ended,
        "own_cores": result.own_cpu,
        "latency_seconds": [
            {"of": name.strip(), **(asdict(found) if found else {"count": 0})}
            for name, found in latencies(result)
        ],
        "parts": {part: asdict(used) for part, used in usages(result).items()},
        "answers": result.outcome.answers,
        "backlog": {
            "most": max((held.total for held in result.observer.held), default=0),
            "gone_after_seconds": result.outcome.drained_after,
        },
        "ledger": asdict(result.outcome.ledger),
        "wrong": list(findings(result.outcome)),
    }
