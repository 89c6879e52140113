"""What the flush has left behind in Firestore: one read of its documents, for the doctor and the status."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.windows.documents import Document, Documents
from shared.windows.log import COLLECTION, SECOND
from shared.windows.state import LAYOUT, Control, Layout, Shard
from tools.errors import CommandError
from tools.health.facts import Flush
from tools.pipeline.flush_state import control_in, layout_in, shards_of

LOOKED_AT = 100
"""Segments behind the cursor that are read: a healthy flush leaves those of some 80 s."""


@dataclass(frozen=True, slots=True)
class ShardState:
    """What one shard's flush has left behind; times in microseconds, of the database's clock."""

    shard: Shard
    control: Control
    """Of a shard that no flush has worked on, a new one."""
    waiting: Sequence[Document]
    """Segments of the log behind its cursor, LOOKED_AT at most."""
    at: int
    """When this was so."""

    @property
    def oldest(self) -> int:
        """Microseconds that the oldest waiting segment has waited; 0 without one."""
        return max((self.at - segment.created_at for segment in self.waiting), default=0)


async def read_states(documents: Documents) -> tuple[Layout, list[ShardState | CommandError]]:
    """Every shard, or why its document can't be read; raises CommandError for the layout's, and Retry."""
    layout = layout_in(await documents.read([LAYOUT]))
    shards = shards_of(layout)
    reading = await documents.read([shard.control for shard in shards])
    states: list[ShardState | CommandError] = []
    for shard in shards:
        try:
            control = control_in(reading, shard) if shard.control in reading.documents else Control()
        except CommandError as error:
            states.append(error)
            continue
        waiting = await documents.list(COLLECTION, control.cursor, LOOKED_AT)
        states.append(ShardState(shard, control, waiting, reading.at))
    return layout, states


def many(segments: Sequence[Document]) -> str:
    return f"{len(segments)} or more" if len(segments) == LOOKED_AT else str(len(segments))


def summary(layout: Layout, states: Sequence[ShardState | CommandError]) -> Flush:
    """The slowest shard's lag; shards that read the same log wait for the same segments.

    Raises the CommandError of a shard that can't be read.
    """
    seen: list[ShardState] = []
    for state in states:
        if isinstance(state, CommandError):
            raise state
        seen.append(state)
    newest = set(layout.generations[-1].all())
    current = [state for state in seen if state.shard in newest]
    slowest = min(current, key=lambda state: state.control.watermark)
    watermark = slowest.control.watermark
    behind = max(current, key=lambda state: len(state.waiting))
    return Flush(
        lag=max(0.0, (slowest.at - watermark) / SECOND) if watermark else None,
        segments=many(behind.waiting),
        oldest=max(0.0, max(state.oldest for state in current) / SECOND),
        open_windows=len({start for state in seen for start in state.control.windows}),
    )
