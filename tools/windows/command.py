"""`cqc verify-windows`: settled windows compared with the features rows, and fixed where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from shlex import join

from shared.clock import from_micros
from shared.errors import Retry
from shared.gcp.bigquery import TableAppender
from shared.gcp.feature_store import feature_view
from shared.online import Unwritten
from shared.settings import AggregateSettings
from shared.tables.columns import REALTIME_FEATURES_AGGREGATED
from shared.tables.sink import TableSink
from shared.windows.documents import Documents
from shared.windows.state import Layout
from tools.console import console, print_json, table
from tools.errors import CommandError, ProblemsFound
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_warehouse, with_documents
from tools.pipeline.deployment import Pipeline
from tools.pipeline.flush_state import read_flush_state
from tools.pipeline.settings import settings_of
from tools.times import moment
from tools.windows.comparing import Difference, Verification, advice
from tools.windows.naming import with_events
from tools.windows.reading import Span, Verifier, span_of
from tools.windows.repair import Repair, Repaired

_LISTED = 50


@dataclass(frozen=True, slots=True)
class _Result:
    """What the command did."""

    span: Span
    found: Verification
    nothing: str
    """Why nothing was compared; empty when something was."""
    repaired: Repaired
    notes: list[str]
    """What the repair could not do, in sentences."""
    left: list[Difference]


def run(
    pipeline: Pipeline,
    since: str | None,
    until: str | None,
    repair: bool,
    online: bool,
    naming: Sequence[str],
    as_machine: bool,
) -> None:
    """Lists the windows that differ; raises ProblemsFound when some still do at the end.

    `naming` are the words of the command line that name the pipeline.
    """
    now = datetime.now(UTC)
    span = span_of(
        None if since is None else moment("--from", since, now),
        None if until is None else moment("--to", until, now),
        now,
    )
    lateness = settings_of(AggregateSettings, pipeline.project).allowed_lateness
    warehouse = connect_warehouse(pipeline)
    flush = with_documents(pipeline, read_flush_state)
    verifier = Verifier(warehouse, flush, lateness)
    found = _with_events(pipeline, verifier.verify(span))
    repaired, left = Repaired(), found.differences
    if repair and any(difference.expected is not None for difference in found.differences):
        repaired = _repair(pipeline, flush.layout, found.differences, online)
        left = verifier.verify(span).differences
    notes = [*repaired.left, *unwritten(repaired.unwritten, naming)]
    result = _Result(span, found, verifier.why_nothing_was_compared(found), repaired, notes, left)
    if as_machine:
        print_json(_document(result))
    else:
        _show(result)
    if left:
        raise ProblemsFound(
            f"{len(left)} of {found.compared} windows differ from their rows: {_hint(result)}"
        )


def _with_events(pipeline: Pipeline, found: Verification) -> Verification:
    """Names the events of the differences that are shown."""
    shown, rest = found.differences[:_LISTED], found.differences[_LISTED:]
    if not shown:
        return found
    named = with_documents(pipeline, partial(with_events, differences=shown))
    return replace(found, differences=named + rest)


def _repair(pipeline: Pipeline, layout: Layout, differences: list[Difference], online: bool) -> Repaired:
    async def work(documents: Documents) -> Repaired:
        appender = TableAppender(pipeline.project, pipeline.dataset, REALTIME_FEATURES_AGGREGATED)
        view = feature_view(pipeline.feature_view if online or isinstance(pipeline, ChainAddress) else None)
        repairing = Repair(documents, TableSink(REALTIME_FEATURES_AGGREGATED, appender), view)
        try:
            return await repairing.run(layout, differences)
        except Retry as error:
            raise CommandError(
                f"the repair stopped ({error}): let the next flush finish what it saved (cqc flush), then "
                "run it again"
            ) from None
        finally:
            await appender.close()

    return with_documents(pipeline, work)


def _hint(result: _Result) -> str:
    """What to do about the windows that still differ."""
    if result.repaired.left:
        return result.repaired.left[0]
    if result.repaired.revisions and not all(difference.obstacle for difference in result.left):
        return "they changed meanwhile: run it again"
    return advice(result.left)


def _show(result: _Result) -> None:
    people, span, found = console(), result.span, result.found
    people.print(f"Windows from {span.since:%Y-%m-%d %H:%M} to {span.until:%Y-%m-%d %H:%M} UTC")
    counts = (
        ("compared", found.compared),
        ("different", len(found.differences)),
        ("not settled yet", found.unsettled),
        ("fixed", len(result.repaired.revisions)),
    )
    people.print(table(("windows", ""), counts))
    rows = [
        (
            from_micros(difference.key.start),
            difference.key.location_id,
            difference.revision,
            difference.what,
            result.repaired.revisions.get(difference.key),
        )
        for difference in found.differences[:_LISTED]
    ]
    if rows:
        people.print(table(("window", "location", "revision", "difference", "fixed by revision"), rows))
    if len(found.differences) > _LISTED:
        people.print(f"and {len(found.differences) - _LISTED} more, see --json")
    for sentence in filter(None, (result.nothing, *result.notes)):
        people.print(sentence)


def unwritten(found: Sequence[Unwritten], naming: Sequence[str]) -> list[str]:
    """What the online store did not take, each with the command that heals it."""
    return [
        f"The online store did not take the window features of {missing.count} windows ({missing.reason}): "
        + join(["cqc", "heal-online", "--from", since, "--to", until, *naming])
        for missing in found
        for since, until in [(missing.since.isoformat(), missing.until.isoformat())]
    ]


def _document(result: _Result) -> dict[str, object]:
    return {
        "from": result.span.since,
        "to": result.span.until,
        "compared": result.found.compared,
        "unsettled": result.found.unsettled,
        "nothing_compared": result.nothing or None,
        "differences": [
            {
                "window_start": from_micros(difference.key.start),
                "location_id": difference.key.location_id,
                "revision": difference.revision,
                "difference": difference.what,
            }
            for difference in result.found.differences
        ],
        "repaired": len(result.repaired.revisions),
        "left": len(result.left),
        "notes": result.notes,
    }
