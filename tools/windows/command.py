"""`cqc verify-windows`: settled windows compared with the features rows, and fixed where they differ."""

import asyncio
from datetime import UTC, datetime

from shared.clock import from_micros, utc_now
from shared.errors import Retry
from shared.gcp.bigquery import TableAppender
from shared.gcp.feature_store import feature_view
from shared.gcp.firestore import WindowStore
from shared.settings import AggregateSettings
from shared.tables.columns import REALTIME_FEATURES_AGGREGATED
from shared.tables.sink import TableSink
from tools.console import console, print_json, table
from tools.errors import CommandError
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_firestore, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.times import moment
from tools.windows.comparing import Difference, Verification
from tools.windows.reading import Span, closed_span, verify
from tools.windows.repair import Repair, Repaired

_LISTED = 50


def run(
    pipeline: Pipeline, since: str | None, until: str | None, repair: bool, online: bool, as_machine: bool
) -> None:
    """Lists the windows that differ; raises CommandError when some still do at the end."""
    now = datetime.now(UTC)
    span = closed_span(
        None if since is None else moment("--from", since, now),
        None if until is None else moment("--to", until, now),
        AggregateSettings(project_id=pipeline.project),
        now,
    )
    warehouse = connect_warehouse(pipeline)
    found = verify(warehouse, span)
    repaired = _repair(pipeline, found.differences, online) if repair and found.differences else []
    left = verify(warehouse, span).differences if repaired else found.differences
    if as_machine:
        print_json(_document(span, found, repaired, left))
    else:
        _show(span, found, repaired)
    if left:
        hint = "they have no rows, or are left to the next flush" if repair else "--repair fixes them"
        raise CommandError(f"{len(left)} of {found.compared} windows differ from their rows: {hint}")


def _repair(pipeline: Pipeline, differences: list[Difference], online: bool) -> list[Repaired]:
    async def work() -> list[Repaired]:
        client = connect_firestore(pipeline)
        appender = TableAppender(pipeline.project, pipeline.dataset, REALTIME_FEATURES_AGGREGATED)
        view = feature_view(pipeline.feature_view if online or isinstance(pipeline, ChainAddress) else None)
        repairing = Repair(
            WindowStore(client), TableSink(REALTIME_FEATURES_AGGREGATED, appender), view, utc_now
        )
        try:
            return await repairing.run(differences)
        finally:
            await appender.close()

    try:
        return asyncio.run(work())
    except Retry as error:
        raise CommandError(
            f"the repair stopped ({error}): run it again, or let the next flush finish it"
        ) from None


def _show(span: Span, found: Verification, repaired: list[Repaired]) -> None:
    people = console()
    people.print(f"Windows from {span.since:%Y-%m-%d %H:%M} to {span.until:%Y-%m-%d %H:%M} UTC")
    counts = (
        ("compared", found.compared),
        ("different", len(found.differences)),
        ("not settled yet", found.unsettled),
        ("fixed", len(repaired)),
    )
    people.print(table(("windows", ""), counts))
    revisions = {window.key: window.revision for window in repaired}
    rows = [
        (
            from_micros(difference.key.start),
            difference.key.location_id,
            difference.revision,
            difference.what,
            revisions.get(difference.key),
        )
        for difference in found.differences[:_LISTED]
    ]
    if rows:
        people.print(table(("window", "location", "revision", "difference", "fixed by revision"), rows))
    if len(found.differences) > _LISTED:
        people.print(f"and {len(found.differences) - _LISTED} more, see --json")


def _document(
    span: Span, found: Verification, repaired: list[Repaired], left: list[Difference]
) -> dict[str, object]:
    return {
        "from": span.since,
        "to": span.until,
        "compared": found.compared,
        "unsettled": found.unsettled,
        "differences": [
            {
                "window_start": from_micros(difference.key.start),
                "location_id": difference.key.location_id,
                "revision": difference.revision,
                "difference": difference.what,
            }
            for difference in found.differences
        ],
        "mended": len(repaired),
        "left": len(left),
    }
