"""`cqc redrive`: dead letters mended, checked with the current code, published again, and marked as done."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.console import as_json, console
from tools.errors import CommandError, UsageError
from tools.pipeline.connect import connect_pubsub, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.redrive.edits import difference, parse
from tools.redrive.verdict import judge
from tools.redrive.work import Proposal, export, is_undone, key_of, not_redriven, propose, take_edited
from tools.replay.journal import REDRIVE, Journal
from tools.replay.running import chosen
from tools.replay.selection import Selection
from tools.replay.sources import ErrorsSource
from tools.replay.targets import TopicTarget, topics_of

_SHOWN = 20
"""Diffs shown: an edit that is right for twenty is looked at in the count of those that are still refused."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How the events are mended: by expressions, or by hand in a file that --export wrote."""

    settings: Sequence[str] = ()
    removals: Sequence[str] = ()
    export: Path | None = None
    edited: Path | None = None

    def check(self) -> None:
        """Raises UsageError for more than one way."""
        ways = [bool(self.settings or self.removals), self.export is not None, self.edited is not None]
        if ways.count(True) > 1:
            raise UsageError("mend in one way: --set and --unset, or --export FILE and later --edited FILE")


def run(
    pipeline: Pipeline, selection: Selection, limit: int | None, changes: Changes, yes: bool, as_machine: bool
) -> None:
    """Shows diffs and verdicts, and sends what the code takes; raises CommandError when it refuses some."""
    changes.check()
    edit = parse(changes.settings, changes.removals)
    warehouse = connect_warehouse(pipeline)
    source = ErrorsSource(warehouse, selection)
    found = [item for batch in chosen(source, selection, None) for item in batch]
    wanted = found if selection.error_type else [item for item in found if is_undone(item)]
    items = not_redriven(warehouse, wanted)[:limit]
    people = console(stderr=as_machine)
    left = len(found) - len(items)
    people.print(f"To redrive: {len(items)}. Redriven before, not in need of it, or over the limit: {left}.")
    if changes.export is not None:
        export(items, changes.export)
        people.print(f"Edit `payload` in {changes.export}, then: cqc redrive --edited {changes.export}")
        return
    rules, now = judge(pipeline.project), datetime.now(UTC)
    if changes.edited is None:
        proposals = propose(items, edit, rules, now)
    else:
        proposals = take_edited(items, changes.edited, rules, now)
    _show(proposals, as_machine)
    good = [one for one in proposals if one.problem is None]
    if not good:
        people.print("Nothing to send.")
    elif not (yes or _agreed(len(good), pipeline)):
        people.print(f"Nothing was sent; {len(good)} could be: --yes sends without asking.")
    else:
        _send(pipeline, good, str(edit) or (f"by hand in {changes.edited}" if changes.edited else None))
        people.print(f"{len(good)} sent and marked: a second run leaves them out.")
    _complain(proposals)


def _show(proposals: Sequence[Proposal], as_machine: bool) -> None:
    if as_machine:
        console().out(as_json([_document(one) for one in proposals]))
        return
    people = console()
    for one in proposals[:_SHOWN]:
        why = one.item.dead_letter.error_message if one.item.dead_letter else ""
        people.print(f"\n{'/'.join(key_of(one.item))}: {why}", style="bold")
        for line in difference(one.item.data, one.data):
            people.print(line, style={"+": "green", "-": "red"}.get(line[0], ""))
        if one.problem is None:
            people.print("the current code takes it", style="green")
        else:
            people.print(f"refused: {one.problem}", style="red")
    if len(proposals) > _SHOWN:
        people.print(f"\nand {len(proposals) - _SHOWN} more, see --json")


def _document(one: Proposal) -> dict[str, object]:
    event_id, stage, error_type = key_of(one.item)
    return {
        "event_id": event_id,
        "stage": stage,
        "error_type": error_type,
        "diff": difference(one.item.data, one.data),
        "problem": one.problem,
    }


def _agreed(count: int, pipeline: Pipeline) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"\nSend {count} events to {pipeline.project}? [y/N] ").strip().lower() == "y"


def _send(pipeline: Pipeline, proposals: Sequence[Proposal], edit: str | None) -> None:
    with (
        closing(connect_pubsub(pipeline)) as pubsub,
        Journal(pipeline.project, pipeline.dataset, REDRIVE) as journal,
    ):
        target = TopicTarget(pubsub, topics_of(pipeline))
        for at in range(0, len(proposals), target.at_once):
            outcomes = target.send([one.edited for one in proposals[at : at + target.at_once]])
            taken = [sent for sent in outcomes if sent.problem is None]
            journal.note(taken, [target.describe(sent.item) for sent in taken], edit)
            if len(taken) < len(outcomes):
                problem = next(sent.problem for sent in outcomes if sent.problem)
                raise CommandError(f"{len(outcomes) - len(taken)} events were not published: {problem}")


def _complain(proposals: Sequence[Proposal]) -> None:
    refused = [one for one in proposals if one.problem is not None]
    if refused:
        raise CommandError(
            f"{len(refused)} of {len(proposals)} would be given up again, the first because of "
            f"{refused[0].problem}: mend them with --set, or by hand with --export"
        )
