"""What the flush knows: its layout and its control documents, as of one moment."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.windows.documents import Documents, Reading, Unreadable
from shared.windows.key import WindowKey
from shared.windows.state import LAYOUT, Control, Layout, Shard, location_hash
from tools.errors import CommandError


@dataclass(frozen=True, slots=True)
class FlushState:
    """`controls` lacks the shards that no flush has worked on; `at` is the database's time, microseconds."""

    layout: Layout
    controls: Mapping[Shard, Control]
    at: int

    @property
    def watermark(self) -> int:
        """Up to when every shard of the newest windows has read the log; 0 before its first flush."""
        newest = self.layout.generations[-1].all()
        return min(self.controls.get(shard, Control()).watermark for shard in newest)

    def shard_of(self, key: WindowKey) -> Shard:
        return self.layout.of_window(key.start).shard_of(location_hash(key.location_id))

    def is_settled(self, key: WindowKey) -> bool:
        """Whether the flush has settled the window, all of its panes emitted."""
        return self.controls.get(self.shard_of(key), Control()).has_settled(key.start)


def shards_of(layout: Layout) -> list[Shard]:
    return [shard for generation in layout.generations for shard in generation.all()]


async def read_flush_state(documents: Documents) -> FlushState:
    """Raises CommandError for a document of another release, and Retry."""
    layout = layout_in(await documents.read([LAYOUT]))
    shards = shards_of(layout)
    reading = await documents.read([shard.control for shard in shards])
    found = {shard: control_in(reading, shard) for shard in shards if shard.control in reading.documents}
    return FlushState(layout, found, reading.at)


def layout_in(reading: Reading) -> Layout:
    """The layout in this reading; without a document, one of one shard. Raises CommandError."""
    try:
        return Layout.found_in(reading)
    except Unreadable as error:
        raise unreadable(LAYOUT, error) from None


def control_in(reading: Reading, shard: Shard) -> Control:
    """A shard's control document, or a new one; raises CommandError."""
    try:
        return Control.found_in(reading, shard)
    except Unreadable as error:
        raise unreadable(shard.control, error) from None


def unreadable(name: str, error: Unreadable) -> CommandError:
    return CommandError(
        f"Firestore's {name} can't be read ({error}): use the cqc of the release that is deployed, "
        "or deploy this one if the document is of an older release"
    )
