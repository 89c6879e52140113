"""What `cqc replay` prints: the plan of a dry run, or the report of what was sent."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict

from tools.console import console, one_line, print_json, table
from tools.errors import ProblemsFound
from tools.replay.items import Item
from tools.replay.running import Report
from tools.replay.targets import Target

_LISTED = 20
"""Failures shown one by one; all are saved."""


def show_plan(items: Sequence[Item], target: Target, skipped: Sequence[str], as_machine: bool) -> None:
    """What would be sent, and where."""
    columns = ("event_id", "location_id", "error_type", "taken from", "bytes", "goes to")
    rows = [
        (
            item.event_id,
            item.location_id,
            item.dead_letter and item.dead_letter.error_type,
            item.taken_from,
            len(item.data),
            target.describe(item),
        )
        for item in items
    ]
    if as_machine:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    console().print(table(columns, rows))
    console().print(f"{len(rows):,} would be sent, nothing was.", style="dim")
    _show_new(sum(item.has_new_identity for item in items))
    _show_skipped(skipped)


def show(report: Report, again: Sequence[str], as_machine: bool) -> None:
    """The report; raises ProblemsFound when some events were not accepted.

    `again` are the words of the command line that send the saved events like these.
    """
    if as_machine:
        print_json({**asdict(report), "failed": [asdict(failed) for failed in report.failed]})
    else:
        counts = {"selected": report.selected, "sent": report.sent, "failed": len(report.failed)}
        console().print(table(("replay", ""), [*counts.items(), ("seconds", report.seconds)]))
        if report.failed:
            rows = [(failed.event_id, failed.problem, failed.file) for failed in report.failed[:_LISTED]]
            console().print(table(("failed", "status and answer", "saved as"), rows))
        _show_new(report.new_identities)
        _show_skipped(report.skipped)
    if report.failed:
        folder = report.failed[0].file.parent
        raise ProblemsFound(
            f"{len(report.failed)} of {report.selected} events were not accepted, the first with "
            f"{report.failed[0].problem}; they are saved in {folder}: fix the cause and send them with "
            f"`cat {shlex.quote(str(folder))}/*.json | {shlex.join(['cqc', 'replay', '-', *again])}`"
        )


def _show_new(count: int) -> None:
    if count:
        console(stderr=True).print(
            f"{count:,} without an event_id get one from their bytes: they count once more if the pipeline "
            "got them before otherwise, for example by cqc publish",
            style="yellow",
        )


def _show_skipped(skipped: Sequence[str]) -> None:
    people = console(stderr=True)
    for reason in skipped[:_LISTED]:
        people.print(f"left out: {one_line(reason)}", style="yellow")
    if len(skipped) > _LISTED:
        people.print(f"left out: {len(skipped) - _LISTED} more", style="yellow")
