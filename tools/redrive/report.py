"""What `cqc redrive` prints: each event's diff, and what the current code says about it."""

from collections.abc import Sequence

from tools.console import console, print_json
from tools.errors import ProblemsFound
from tools.redrive.edits import difference
from tools.redrive.work import Proposal, key_of

_SHOWN = 20
"""Diffs shown: beyond twenty, the number of events still refused says more."""


def show(proposals: Sequence[Proposal], as_machine: bool) -> None:
    """All of them as JSON, or the first ones as diffs."""
    if as_machine:
        print_json([_document(proposal) for proposal in proposals])
        return
    people = console()
    for proposal in proposals[:_SHOWN]:
        item = proposal.item
        why = item.dead_letter.error_message if item.dead_letter else ""
        people.print(f"\n{'/'.join(key_of(item))}: {why}", style="bold")
        for line in difference(item.data, proposal.data):
            people.print(line, style={"+": "green", "-": "red"}.get(line[0], ""))
        if proposal.problem is None:
            people.print("the current code accepts it", style="green")
        else:
            people.print(f"refused: {proposal.problem}", style="red")
    if len(proposals) > _SHOWN:
        people.print(f"\nand {len(proposals) - _SHOWN} more, see --json")


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
    refused = [proposal for proposal in proposals if proposal.problem is not None]
    if refused:
        raise ProblemsFound(
            f"{len(refused)} of {len(proposals)} would be rejected again, the first because of "
            f"{refused[0].problem}: fix them with --set, or by hand with --export"
        )
