"""What the flush asks of the world. The adapters in shared/gcp/ answer; tests answer with crashes."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from shared.dead_letters.record import DeadLetterRecord
from shared.windows.key import WindowKey
from shared.windows.state import Control, Segment, StateDocument


class Store(Protocol):
    """The window log and the flush's documents; every method may raise Retry."""

    async def read_control(self) -> Control: ...

    async def save(self, control: Control, states: Sequence[StateDocument] = ()) -> None:
        """Fenced: raises FencedOut when another flush wrote the control since it was read."""

    async def read_segments(self, limit: int) -> list[Segment]: ...

    async def delete_segments(self, segments: Sequence[Segment]) -> None: ...

    async def load(self, keys: Iterable[WindowKey]) -> dict[WindowKey, StateDocument]: ...

    async def load_window(self, start: int) -> list[StateDocument]: ...


class DeadLetters(Protocol):
    """The dead-letter topic."""

    async def send(self, failure: DeadLetterRecord) -> None:
        """Returns when durable; raises Retry or Busy."""
