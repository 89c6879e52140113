"""What `cqc redrive` prints: each event's diff, and what the current code says about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tools.console import console, one_line, print_json
from tools.errors import ProblemsFound
from tools.redrive.edits import difference
from tools.redrive.work import Proposal, key_of
from tools.replay.reasons import kind_of

if TYPE_CHECKING:
    from rich.console import Console

_REASONS = 3
"""Named in the last sentence; all are shown above it."""
_EXAMPLES = 3
"""Shown of each reason for a refusal."""
_SHOWN = 20
"""Diffs shown: beyond twenty, the number of events still refused says more."""


def show(proposals: Sequence[Proposal], as_machine: bool) -> None:
    """All of them as JSON; or diffs of the first that can be sent, then the refusals by their reason."""
    if as_machine:
        print_json([_document(proposal) for proposal in proposals])
        return
    people = console()
    good = [proposal for proposal in proposals if proposal.problem is None]
    for proposal in good[:_SHOWN]:
        _show_change(people, proposal)
        people.print("the current code accepts it", style="green")
    if len(good) > _SHOWN:
        people.print(f"\nand {len(good) - _SHOWN} more that it accepts, see --json")
    for reason, refused in by_reason(proposals).items():
        people.print(f"\n{events_of(len(refused))} refused: {one_line(reason)}", style="red")
        for proposal in refused[:_EXAMPLES]:
            _show_change(people, proposal)
        if len(refused) > _EXAMPLES:
            people.print(f"\nand {len(refused) - _EXAMPLES} more refused for this reason, see --json")


def by_reason(proposals: Sequence[Proposal]) -> dict[str, list[Proposal]]:
    """The refused ones by reason, the most frequent first."""
    groups: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        if proposal.problem is not None:
            groups.setdefault(kind_of(proposal.problem), []).append(proposal)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def _show_change(people: "Console", proposal: Proposal) -> None:
    item = proposal.item
    why = item.dead_letter.error_message if item.dead_letter else ""
    people.print(f"\n{one_line('/'.join(key_of(item)))}: {one_line(why)}", style="bold")
    for line in difference(item.data, proposal.data):
        people.print(one_line(line), style={"+": "green", "-": "red"}.get(line[0], ""))


def events_of(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _document(proposal: Proposal) -> dict[str, object]:
    event_id, stage, error_type = key_of(proposal.item)
    return {
        "event_id": event_id,
        "stage": stage,
        "error_type": error_type,
        "diff": difference(proposal.item.data, proposal.data),
        "problem": proposal.problem,
    }


def raise_refused(proposals: Sequence[Proposal]) -> None:
    """Raises ProblemsFound when the current code refuses some of them."""
    groups = by_reason(proposals)
    if groups:
        named = [f"{len(refused):,} because of {reason}" for reason, refused in groups.items()]
        more = f"; {len(named) - _REASONS} more reasons" if len(named) > _REASONS else ""
        total = sum(map(len, groups.values()))
        raise ProblemsFound(
            f"{total:,} of {len(proposals):,} would be rejected again: {'; '.join(named[:_REASONS])}{more}. "
            "Fix them with --set, or by hand with --export"
        )
