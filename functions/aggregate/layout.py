"""Changing the number of shards: new windows get it, old ones are finished by those that they have."""

from dataclasses import replace

from shared.errors import Retry
from shared.windows.documents import NEW, Conflict, Documents, Reading, Unreadable, Write
from shared.windows.key import WINDOW_MICROS, window_of
from shared.windows.state import LAYOUT, Control, Layout


async def ensure_shards(documents: Documents, shards: int) -> Layout:
    """The layout, changed first if its newest windows have another number of shards; raises Retry.

    One commit writes the layout from a window on that is beyond all open ones, touches every control
    document, which fences the flushes under way, and makes the new ones where the oldest reader of the log
    stands.
    """
    try:
        layout = Layout.found_in(await documents.read([LAYOUT]))
        newest = layout.generations[-1]
        if newest.shards == shards:
            return layout
        reading = await documents.read([LAYOUT, *(shard.control for shard in newest.all())])
        changed, writes = _change(reading, Layout.found_in(reading), shards)
        await documents.commit(writes)
    except Unreadable as error:
        raise Retry(
            f"the flush's documents can't be read ({error}): deploy the release that wrote them"
        ) from error
    except Conflict as error:
        raise Retry(
            "a flush was at work while the number of shards was to change: the next one does it"
        ) from error
    return changed


def _change(reading: Reading, layout: Layout, shards: int) -> tuple[Layout, list[Write]]:
    newest = layout.generations[-1]
    if not reading.documents:  # nothing was ever flushed: all windows get the number
        first = Layout((replace(newest, shards=shards),))
        return first, [
            Write(LAYOUT, first.to_fields(), NEW),
            *(Write(shard.control, Control().to_fields(), NEW) for shard in first.generations[0].all()),
        ]
    controls = {shard.control: Control.found_in(reading, shard) for shard in newest.all()}
    opened = [start for control in controls.values() for start in control.windows]
    since = max([window_of(reading.at), newest.since, *opened]) + WINDOW_MICROS
    changed = layout.with_shards(shards, since)
    born = Control(
        cursor=min(control.cursor for control in controls.values()),
        watermark=min(control.watermark for control in controls.values()),
        locations=sum(control.locations for control in controls.values()) // shards,
        events=sum(control.events for control in controls.values()) // shards,
    )
    fenced = f"generation {changed.generations[-1].number}"
    return changed, [
        Write(LAYOUT, changed.to_fields(), reading.version(LAYOUT)),
        *(
            Write(name, replace(control, holder=fenced).to_fields(), reading.version(name))
            for name, control in controls.items()
        ),
        *(Write(shard.control, born.to_fields(), NEW) for shard in changed.generations[-1].all()),
    ]
