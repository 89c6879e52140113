"""`cqc dead-letters`: what is wrong, how often, since when, and the command that would fix it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tools.console import as_text, console, one_line, print_json
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.redrive.groups import Example, Group, grouped
from tools.redrive.remedies import REDRIVE, Remedy, remedy
from tools.redrive.verdict import judge
from tools.redrive.work import marks
from tools.replay.selection import Selection
from tools.replay.sources import ErrorsSource

if TYPE_CHECKING:
    from rich.console import Console

_LISTED = 20
"""Groups shown: a producer that invents its metrics' names makes one of each."""
_EXAMPLES = 2
_MESSAGE = 200
"""Characters of an example's message; --json has all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A group and how to fix it; `command` is a whole command line, empty if there is none."""

    group: Group
    remedy: Remedy
    command: str


def run(
    pipeline: Pipeline,
    selection: Selection,
    naming: Sequence[str],
    timeout: float | None,
    as_machine: bool,
) -> None:
    """Shows the groups, what is fixed most easily first; `naming` are the options that name the pipeline."""
    warehouse = connect_warehouse(pipeline, timeout)
    groups = grouped(ErrorsSource(warehouse, selection).records(), marks(warehouse))
    rules, now = judge(pipeline.project), datetime.now(UTC)
    findings = [
        Finding(group, found, _command(found, selection, naming))
        for group in groups
        for found in [remedy(group, rules, now)]
    ]
    findings.sort(key=lambda finding: (finding.remedy.ease, -finding.group.count))
    if as_machine:
        print_json([_document(finding) for finding in findings])
        return
    people = console()
    for finding in findings[:_LISTED]:
        _show(people, finding)
    if len(findings) > _LISTED:
        people.print(f"and {len(findings) - _LISTED} more groups, see --json\n")
    people.print(_summary(groups))


def _command(found: Remedy, selection: Selection, naming: Sequence[str]) -> str:
    """It sees what this listing saw, and runs as it is printed."""
    if not found.words:
        return ""
    given = {
        "--since": selection.since and f"{selection.since:%Y-%m-%dT%H:%M:%SZ}",
        "--until": selection.until and selection.until.isoformat(),
        "--location": selection.location,
    }
    filters = [word for option, value in given.items() if value for word in (option, value)]
    # What heals the online store has a range of its own.
    kept = filters if found.words[0] == REDRIVE else []
    return shlex.join(["cqc", *found.words, *kept, *naming])


def _summary(groups: Sequence[Group]) -> str:
    total, left = sum(group.count for group in groups), sum(group.left for group in groups)
    if not total:
        return "No dead letters."
    in_groups = f"{len(groups):,} group{'' if len(groups) == 1 else 's'}"
    letters = f"{total:,} dead letter{'' if total == 1 else 's'}"
    return f"{letters} in {in_groups}; still to be redriven: {left:,}."


def _show(people: "Console", finding: Finding) -> None:
    from rich.padding import Padding

    group = finding.group
    wrong = f", {one_line(group.path)}" if group.path else ""
    people.out(f"{group.count:,}  {group.error_type.value} at {one_line(group.stage)}{wrong}", style="bold")
    types = ", ".join(f"{one_line(kind or 'no type')} {n:,}" for kind, n in group.event_types.most_common(3))
    people.out(f"   {as_text(group.first)} to {as_text(group.last)}; to redrive: {group.left:,}; {types}")
    for example in group.examples[:_EXAMPLES]:
        people.out(f"   {_example_line(example)}")
    people.print(Padding(finding.remedy.sentence, (0, 0, 0, 3)))
    if finding.command:
        people.out(f"   {finding.command}", style="green")
    people.out("")


def _example_line(example: Example) -> str:
    message = one_line(example.record.error_message)
    short = message if len(message) <= _MESSAGE else f"{message[: _MESSAGE - 1]}…"
    return f"{one_line(example.record.event_id or '–')}: {short}"


def _document(finding: Finding) -> dict[str, object]:
    group = finding.group
    return {
        "reason": group.error_type.value,
        "stage": group.stage,
        "field": group.path,
        "count": group.count,
        "to_redrive": group.left,
        "first": group.first,
        "last": group.last,
        "event_types": {kind or "": count for kind, count in group.event_types.most_common()},
        "examples": [
            {
                "event_id": example.record.event_id,
                "location_id": example.record.location_id,
                "error_message": example.record.error_message,
                "to_redrive": example.is_open,
            }
            for example in group.examples
        ],
        "remedy": finding.remedy.sentence,
        "command": finding.command or None,
    }
