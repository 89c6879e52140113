"""`cqc heal-online`: values that the online store did not take, written again from the tables."""

import asyncio
from datetime import UTC, datetime

from tools.console import console, print_json
from tools.errors import CommandError, UsageError
from tools.heal.values import Range, values_in
from tools.heal.writing import Healed, write
from tools.pipeline.connect import connect_feature_view, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.times import moment


def run(pipeline: Pipeline, since: str, until: str, dry_run: bool, as_machine: bool) -> None:
    """Shows what was written; raises CommandError when something was not."""
    now = datetime.now(UTC)
    span = Range(moment("--from", since, now), moment("--to", until, now))
    if span.since > span.until:
        raise UsageError(f"--from {since} is after --to {until}: swap them")
    values = values_in(connect_warehouse(pipeline), span)

    async def work() -> Healed:
        if dry_run:
            return await write(values, None)
        view = connect_feature_view(pipeline)
        try:
            return await write(values, view)
        finally:
            await view.close()

    healed = asyncio.run(work())
    failed = sum(missing.count for missing in healed.unwritten)
    if as_machine:
        print_json(_document(span, healed, failed, dry_run))
    else:
        console().print(_sentence(span, healed, dry_run))
    if failed:
        tried = "" if healed.is_complete else ", and the rest was not tried"
        raise CommandError(
            f"the online store did not take {failed} entries{tried}, the first because "
            f"{healed.unwritten[0].reason}: run it again when the store answers"
        )


def _sentence(span: Range, healed: Healed, dry_run: bool) -> str:
    number = len(healed.locations)
    values = f"the values of {number} location{'' if number == 1 else 's'} with events or windows in"
    values += f" {span.since.isoformat()} to {span.until.isoformat()}"
    if dry_run:
        return f"Would write {values}; nothing was written."
    return f"Wrote {values}; what the store had newer has stayed."


def _document(span: Range, healed: Healed, failed: int, dry_run: bool) -> dict[str, object]:
    return {
        "from": span.since,
        "to": span.until,
        "dry_run": dry_run,
        "locations": len(healed.locations),
        "failed_entries": failed,
        "complete": healed.is_complete and not failed,
        "reasons": [missing.reason for missing in healed.unwritten],
    }
