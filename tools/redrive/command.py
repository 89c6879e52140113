"""`cqc redrive`: dead letters edited, checked against the current code, published and marked as done."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tools import endings
from tools.console import console
from tools.errors import ProblemsFound, UsageError
from tools.pipeline.connect import connect_pubsub, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.redrive.edits import Edit, parse
from tools.redrive.report import events_of, raise_refused, show
from tools.redrive.verdict import judge
from tools.redrive.work import Key, Mark, Proposal, export, is_open, is_undone, marks, propose, take_edited
from tools.replay.items import Item
from tools.replay.journal import REDRIVE, Journal
from tools.replay.running import chosen
from tools.replay.selection import Selection
from tools.replay.sources import ErrorsSource
from tools.replay.targets import TopicTarget, topics_of

if TYPE_CHECKING:
    from rich.console import Console

_READER_GONE = "the reader of the output has ended; say it again without the pipe"


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
    pipeline: Pipeline,
    selection: Selection,
    limit: int | None,
    changes: Changes,
    yes: bool,
    naming: Sequence[str],
    as_machine: bool,
) -> None:
    """Shows diffs and verdicts, and sends what the code accepts; raises ProblemsFound for refusals.

    `naming` are the words of the command line that name the pipeline.
    """
    changes.check()
    edit = parse(changes.settings, changes.removals)
    people = console(stderr=as_machine)
    if changes.export is not None:
        _export(pipeline, selection, limit, changes.export, naming, people)
        return
    with endings.or_nothing(f"nothing was sent: {_READER_GONE}") if yes else nullcontext():
        proposals = _proposals(pipeline, selection, limit, edit, changes.edited, people)
        show(proposals, as_machine)
    good = [proposal for proposal in proposals if proposal.problem is None]
    if not good:
        people.print("Nothing to send.")
    elif not (yes or agreed(len(good), pipeline.project)):
        people.print(f"Nothing was sent; {len(good)} could be: --yes sends without asking.")
    else:
        _send(pipeline, good, str(edit) or (f"by hand in {changes.edited}" if changes.edited else None))
        people.print(f"{len(good)} sent and marked: a second run leaves them out.")
    raise_refused(proposals)


def _export(
    pipeline: Pipeline,
    selection: Selection,
    limit: int | None,
    file: Path,
    naming: Sequence[str],
    people: "Console",
) -> None:
    found, done = _dead_letters(pipeline, selection)
    with endings.or_nothing(f"nothing was exported: {_READER_GONE}"):
        items = _still_open(found, done, selection, limit, people)
    again = shlex.join(["cqc", "redrive", "--edited", str(file), *naming])
    export(items, file, again)
    people.print(f"Edit `payload` in {file}, then: {again}", soft_wrap=True)


def _proposals(
    pipeline: Pipeline,
    selection: Selection,
    limit: int | None,
    edit: Edit,
    edited: Path | None,
    people: "Console",
) -> list[Proposal]:
    found, done = _dead_letters(pipeline, selection)
    rules, now = judge(pipeline.project), datetime.now(UTC)
    if edited is None:
        return propose(_still_open(found, done, selection, limit, people), edit, rules, now)
    proposals = take_edited(found, done, edited, rules, now)[:limit]
    people.print(f"To redrive: {len(proposals)}, which are in {edited}.")
    return proposals


def _dead_letters(pipeline: Pipeline, selection: Selection) -> tuple[list[Item], Mapping[Key, Mark]]:
    """The selected dead letters, and what a redrive has sent."""
    warehouse = connect_warehouse(pipeline)
    source = ErrorsSource(warehouse, selection)
    return [item for batch in chosen(source, selection, None) for item in batch], marks(warehouse)


def _still_open(
    found: list[Item], done: Mapping[Key, Mark], selection: Selection, limit: int | None, people: "Console"
) -> list[Item]:
    """Those to redrive; says how many were left out."""
    wanted = found if selection.error_type else [item for item in found if is_undone(item)]
    items = [item for item in wanted if is_open(item, done)][:limit]
    left = len(found) - len(items)
    people.print(
        f"To redrive: {len(items)}. Already redriven, needing no redrive, or over the limit: {left}."
    )
    return items


def agreed(count: int, project: str) -> bool:
    """Whether someone at the terminal says yes; nobody there, or Ctrl-D, is a no."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    try:
        answer = input(f"\nSend {events_of(count)} to {project}? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


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
