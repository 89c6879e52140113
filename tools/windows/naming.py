"""Which events make a window differ from its pane, by what its documents remember."""

from collections.abc import Sequence
from dataclasses import replace

from shared.windows.documents import Documents, Unreadable
from shared.windows.lookup import Lookup
from tools.windows.comparing import Difference

SHOWN = 5
"""Ids that are named of a window: enough to begin with."""


async def with_events(documents: Documents, differences: Sequence[Difference]) -> list[Difference]:
    """The differences, saying also which events are missing and which must not count.

    Of a window whose documents can't be read it says that instead; raises Retry.
    """
    lookup = Lookup(documents)
    return [await _with_events(lookup, difference) for difference in differences]


async def _with_events(lookup: Lookup, difference: Difference) -> Difference:
    if difference.expected is None:
        return difference
    members = difference.expected.members
    try:
        found = await lookup.look([member.contribution for member in members])
    except Unreadable as error:
        return replace(difference, unreadable=str(error))
    damaged = next((stored.unreadable for stored in found if stored.unreadable is not None), None)
    if damaged is not None:
        return replace(difference, unreadable=str(damaged))
    pairs = list(zip(members, found, strict=True))
    missing = [member.event_id for member, stored in pairs if not (member.is_late or stored.is_counted)]
    wrong = [member.event_id for member, stored in pairs if member.is_late and stored.is_counted]
    what = [difference.what]
    if missing:
        what.append(f"in no pane, though not late: {_ids(missing)}")
    if wrong:
        what.append(f"counted, though late: {_ids(wrong)}")
    return replace(difference, what="; ".join(what))


def _ids(event_ids: Sequence[str]) -> str:
    more = f" and {len(event_ids) - SHOWN} more" if len(event_ids) > SHOWN else ""
    return ", ".join(event_ids[:SHOWN]) + more
