"""The flush: when it last ran, and whether anything waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import from_micros
from shared.windows.key import WINDOW_MICROS
from shared.windows.state import Control
from tools.doctor.findings import Finding, ok, wrong

PATIENCE = timedelta(minutes=10)
"""Ten flushes, as in Terraform's alert on a silent flush."""
LOOKED_AT = 100
"""Segments of the log to read: they come in no order, but in a real backlog most are old."""


@dataclass(frozen=True, slots=True)
class Flushes:
    """What the flush has left behind."""

    control: Control
    waiting: Sequence[datetime]
    """When the segments that are not folded yet were written."""
    newest_pane: datetime | None


def judge(seen: Flushes, now: datetime, fix: str) -> Finding:
    """One finding about the flush as a whole."""
    check = "flush"
    due = now - PATIENCE
    if seen.waiting and min(seen.waiting) < due:
        since = f"{min(seen.waiting):%Y-%m-%d %H:%M:%S}Z"
        return wrong(check, f"events have waited in window_log since {since}: it is not running", fix)
    overdue = [start for start in seen.control.open if from_micros(start + WINDOW_MICROS) < due]
    if overdue:
        start = f"{from_micros(min(overdue)):%Y-%m-%d %H:%M}Z"
        return wrong(check, f"the window of {start} has no on_time pane yet: it is not running", fix)
    lease = seen.control.lease_until
    if seen.control.emitted < seen.control.number and (lease is None or lease < due):
        detail = f"flush {seen.control.number} died, and no later one has emitted its panes"
        return wrong(check, detail, fix)
    return ok(check, _summary(seen))


def _summary(seen: Flushes) -> str:
    if seen.control.number == 0:
        return "there has been nothing to fold"
    newest = f", newest pane of {seen.newest_pane:%Y-%m-%d %H:%M:%S}Z" if seen.newest_pane else ""
    return f"flush {seen.control.emitted} is done, {len(seen.waiting)} segments wait{newest}"
