"""The flush, from its control documents: whether it runs, keeps up, and settles what is due. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import from_micros
from shared.windows.documents import Document
from shared.windows.key import WINDOW_MICROS
from shared.windows.log import is_settled
from shared.windows.state import EVER, Control, Layout, Shard
from tools.doctor.findings import Finding, judged, ok

PATIENCE = timedelta(minutes=10)
"""Ten flushes, as in Terraform's alert on a silent flush."""
_PATIENCE = PATIENCE // timedelta(microseconds=1)
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


def judge(
    seen: ShardState, layout: Layout, allowed_lateness: timedelta, newest_pane: datetime | None, fix: str
) -> Finding:
    """One finding about a shard."""
    check = "flush" if len(layout.generations[-1].all()) == 1 else f"flush of shard {seen.shard.name}"
    if _is_retired(seen, layout, allowed_lateness):
        return ok(check, "all windows of this number of shards are settled")
    return judged(check, _complaints(seen, allowed_lateness), _summary(seen, newest_pane), fix)


def _is_retired(seen: ShardState, layout: Layout, allowed_lateness: timedelta) -> bool:
    until = layout.generations[seen.shard.generation].until
    is_done = until < EVER and is_settled(until - WINDOW_MICROS, seen.control.watermark, allowed_lateness)
    return is_done and not (seen.control.windows or seen.control.pending)


def _complaints(seen: ShardState, allowed_lateness: timedelta) -> Iterator[str]:
    control, due = seen.control, seen.at - _PATIENCE
    if control.emitted < control.number and control.lease_until < due:
        yield f"flush {control.number} died, and no later one has emitted its panes"
    oldest = min((segment.created_at for segment in seen.waiting), default=seen.at)
    if control.watermark and control.watermark < due:
        yield f"it has read the log up to {_time(control.watermark)}: it is not running, or does not keep up"
    if oldest < due:
        yield f"segments that wait behind its cursor: {_many(seen.waiting)}, the oldest since {_time(oldest)}"
    unended = [
        start
        for start, window in control.windows.items()
        if not window.has_ended and start + WINDOW_MICROS < due
    ]
    if unended:
        yield f"the window of {_time(min(unended))} has no on_time panes yet"
    overdue = [start for start in control.windows if is_settled(start, control.watermark, allowed_lateness)]
    if overdue:
        yield (
            f"the window of {_time(min(overdue))} should be settled: its flush has another ALLOWED_LATENESS "
            f"than {allowed_lateness}, which is this command's"
        )


def _summary(seen: ShardState, newest_pane: datetime | None) -> str:
    if not seen.control.watermark:
        return f"no flush has run; segments in the log: {_many(seen.waiting)}"
    newest = "" if newest_pane is None else f", newest pane of {newest_pane:%Y-%m-%d %H:%M:%S}Z"
    return (
        f"flush {seen.control.emitted} is done, the log is read up to {_time(seen.control.watermark)}, "
        f"segments behind its cursor: {_many(seen.waiting)}, "
        f"open windows: {len(seen.control.windows)}{newest}"
    )


def _many(segments: Sequence[Document]) -> str:
    return f"{len(segments)} or more" if len(segments) == LOOKED_AT else str(len(segments))


def _time(micros: int) -> str:
    return f"{from_micros(micros):%Y-%m-%d %H:%M:%S}Z"
