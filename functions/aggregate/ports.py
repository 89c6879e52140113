"""What the flush asks of the world. The adapters in shared/gcp/ answer; tests answer with crashes."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from shared.batching import Outcome
from shared.columns import Row
from shared.failure import Failure
from shared.online import OnlineFeatures
from shared.window_store import Control, Segment, StateDocument
from shared.windows import WindowKey


class Store(Protocol):
    """The window log and the flush's documents; every method may raise Retry."""

    async def read_control(self) -> Control: ...

    async def save(self, control: Control, states: Sequence[StateDocument] = ()) -> None:
        """Fenced: raises FencedOut when another flush wrote the control since it was read."""

    async def read_segments(self, limit: int) -> list[Segment]: ...

    async def delete_segments(self, segments: Sequence[Segment]) -> None: ...

    async def load(self, keys: Iterable[WindowKey]) -> dict[WindowKey, StateDocument]: ...

    async def load_window(self, start: int) -> list[StateDocument]: ...


class PaneSink(Protocol):
    """realtime_features_aggregated."""

    async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        """One outcome a row; raises Retry."""


class OnlineStore(Protocol):
    """The feature view."""

    async def write(self, entries: Sequence[OnlineFeatures]) -> Sequence[str | None]:
        """Per entry why it failed, after retries, or None; does not raise."""


class Failures(Protocol):
    """The dead-letter topic."""

    async def send(self, failure: Failure) -> None:
        """Returns when durable; raises Retry or Busy."""
