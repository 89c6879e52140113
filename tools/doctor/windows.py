"""The flush, from its control documents: whether it runs, keeps up, and settles what is due. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.clock import from_micros, micros_of
from shared.windows.key import WINDOW_MICROS
from shared.windows.log import SECOND, is_retired, settled_before
from shared.windows.state import Layout
from tools.doctor.findings import Finding, judged, ok
from tools.health.flush import ShardState, many

PATIENCE = timedelta(minutes=10)
"""Ten flushes, as in Terraform's alert on a silent flush."""
_PATIENCE = micros_of(PATIENCE)
WAITED_ENOUGH = micros_of(timedelta(minutes=5))
"""One window, as in Terraform's alert on a late flush."""


def judge(
    seen: ShardState, layout: Layout, allowed_lateness: timedelta, newest_pane: datetime | None, fix: str
) -> Finding:
    """One finding about a shard."""
    check = "flush" if len(layout.generations[-1].all()) == 1 else f"flush of shard {seen.shard.name}"
    if is_retired(layout.generations[seen.shard.generation], seen.control):
        return ok(check, "all windows of this number of shards are settled")
    return judged(check, _complaints(seen, allowed_lateness), _summary(seen, newest_pane), fix)


def _complaints(seen: ShardState, allowed_lateness: timedelta) -> Iterator[str]:
    control, due = seen.control, seen.at - _PATIENCE
    if control.emitted < control.number and control.lease_until < due:
        yield f"flush {control.number} died, and no later one has emitted its panes"
    if control.watermark and control.watermark < due:
        yield f"it has read the log up to {_time(control.watermark)}: it is not running, or does not keep up"
    if seen.oldest > WAITED_ENOUGH:
        yield _waiting(seen)
    unended = [
        start
        for start, window in control.windows.items()
        if not window.has_ended and start + WINDOW_MICROS < due
    ]
    if unended:
        yield f"the window of {_time(min(unended))} has no on_time panes yet"
    due_before = settled_before(control.watermark, allowed_lateness)
    overdue = [start for start in control.windows if start < due_before]
    if overdue:
        yield (
            f"the window of {_time(min(overdue))} should be settled: its flush has another ALLOWED_LATENESS "
            f"than {allowed_lateness}, which is this command's"
        )


def _summary(seen: ShardState, newest_pane: datetime | None) -> str:
    if not seen.control.watermark:
        return f"no flush has run; {_waiting(seen)}"
    newest = "" if newest_pane is None else f", newest pane of {newest_pane:%Y-%m-%d %H:%M:%S}Z"
    return (
        f"flush {seen.control.emitted} is done, the log is read up to {_time(seen.control.watermark)}, "
        f"{_waiting(seen)}, "
        f"open windows: {len(seen.control.windows)}{newest}"
    )


def _waiting(seen: ShardState) -> str:
    age = f", the oldest for {seen.oldest / SECOND:,.0f} s" if seen.waiting else ""
    return f"segments that wait behind its cursor: {many(seen.waiting)}{age}"


def _time(micros: int) -> str:
    return f"{from_micros(micros):%Y-%m-%d %H:%M:%S}Z"
