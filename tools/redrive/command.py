"""`cqc redrive`: dead letters edited, checked against the current code, published and marked as done."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tools.console import console
from tools.errors import ProblemsFound, UsageError
from tools.pipeline.connect import connect_pubsub, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.redrive.edits import parse
from tools.redrive.report import raise_refused, show
from tools.redrive.verdict import judge
from tools.redrive.work import Proposal, export, is_undone, not_redriven, propose, take_edited
from tools.replay.items import Item
from tools.replay.journal import REDRIVE, Journal
from tools.replay.running import chosen
from tools.replay.selection import Selection
from tools.replay.sources import ErrorsSource
from tools.replay.targets import TopicTarget, topics_of

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Changes:
    """How the events are fixed: by expressions, or by hand in a file that --export wrote."""

    settings: Sequence[str]
    removals: Sequence[str]
    export: Path | None
    edited: Path | None

    def check(self) -> None:
        """Raises UsageError for more than one way."""
        ways = [bool(self.settings or self.removals), self.export is not None, self.edited is not None]
        if ways.count(True) > 1:
            raise UsageError(
                "fix events in one way: --set and --unset, or --export FILE and later --edited FILE"
            )


def run(
    pipeline: Pipeline, selection: Selection, limit: int | None, changes: Changes, yes: bool, as_machine: bool
) -> None:
    """Shows diffs and verdicts, and sends what the code accepts; raises ProblemsFound for refusals."""
    changes.check()
    edit = parse(changes.settings, changes.removals)
    people = console(stderr=as_machine)
    items = _open_dead_letters(pipeline, selection, limit, people)
    if changes.export is not None:
        export(items, changes.export)
        people.print(f"Edit `payload` in {changes.export}, then: cqc redrive --edited {changes.export}")
        return
    rules, now = judge(pipeline.project), datetime.now(UTC)
    proposals = (
        propose(items, edit, rules, now)
        if changes.edited is None
        else take_edited(items, changes.edited, rules, now)
    )
    show(proposals, as_machine)
    good = [proposal for proposal in proposals if proposal.problem is None]
    if not good:
        people.print("Nothing to send.")
    elif not (yes or _agreed(len(good), pipeline)):
        people.print(f"Nothing was sent; {len(good)} could be: --yes sends without asking.")
    else:
        _send(pipeline, good, str(edit) or (f"by hand in {changes.edited}" if changes.edited else None))
        people.print(f"{len(good)} sent and marked: a second run leaves them out.")
    raise_refused(proposals)


def _open_dead_letters(
    pipeline: Pipeline, selection: Selection, limit: int | None, people: "Console"
) -> list[Item]:
    """The selected dead letters that no redrive has sent; says how many were left out."""
    warehouse = connect_warehouse(pipeline)
    source = ErrorsSource(warehouse, selection)
    found = [item for batch in chosen(source, selection, None) for item in batch]
    wanted = found if selection.error_type else [item for item in found if is_undone(item)]
    items = not_redriven(warehouse, wanted)[:limit]
    left = len(found) - len(items)
    people.print(
        f"To redrive: {len(items)}. Already redriven, needing no redrive, or over the limit: {left}."
    )
    return items


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
        for start in range(0, len(proposals), target.at_once):
            chunk = proposals[start : start + target.at_once]
            outcomes = target.send([proposal.edited for proposal in chunk])
            accepted = [sent for sent in outcomes if sent.problem is None]
            journal.note(accepted, [target.describe(sent.item) for sent in accepted], edit)
            if len(accepted) < len(outcomes):
                problem = next(sent.problem for sent in outcomes if sent.problem)
                raise ProblemsFound(f"{len(outcomes) - len(accepted)} events were not published: {problem}")
