"""Which pane a window is due. Pure.

    time ──────────┬──────────────────────┬─────────────────────────────┬──────────►
               window start           window end            end + lateness + MAX_LOGGING_DELAY
                   │  early, early, …     │  on_time, late, late, …     │ settled: is_final

A window emits at most one pane a round. The settling pane is `late`, as Beam's closing pane is, unless the
on_time pane is still owed (the flush was down): then that one is final at once.

The end of a window has come when the present is past it and the whole log is read, or when the watermark is
past it. A window is settled by the watermark alone: when every slice of the log is folded in which an event
may stand that was timely for it.
"""

from dataclasses import dataclass
from datetime import timedelta

from functions.aggregate.window import Timing, Window
from shared.windows.key import WINDOW_MICROS
from shared.windows.log import settled_before


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a round has come; times in microseconds, on the database's clock and the log's slices."""

    now: int
    watermark: int
    """Every slice that begins before it is folded."""
    at_end: bool
    """The log was read to its end."""
    allowed_lateness: timedelta

    def has_ended(self, start: int) -> bool:
        end = start + WINDOW_MICROS
        return end <= self.watermark or (self.at_end and end <= self.now)

    def is_settled(self, start: int) -> bool:
        return start < self.settled_before

    @property
    def settled_before(self) -> int:
        return settled_before(self.watermark, self.allowed_lateness)


def due(window: Window, has_new: bool, has_ended: bool, settles: bool) -> tuple[Timing, bool] | None:
    """The pane that the window owes, and whether it is final."""
    if window.is_final:
        return None
    on_time_done = window.pane in (Timing.ON_TIME, Timing.LATE)
    if (has_ended or settles) and not on_time_done:
        return Timing.ON_TIME, settles
    if on_time_done and (has_new or settles):
        return Timing.LATE, settles
    if has_new:
        return Timing.EARLY, False
    return None
