"""Look after look, and what each has that is new.

The tables are polled, for they alone know what became of an event: the monitor subscription has the
producers' messages, and what one reader pulls of it another lacks. BigQuery keeps no time at which a row was
written, so a look goes back OVERLAP: an event that waited for its row that long, in an outage of features for
example, still shows when the row is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.errors import CommandError
from tools.tail.looking import MOST
from tools.tail.outcomes import Outcome, Unseen

OVERLAP = timedelta(minutes=15)
"""From parse, or from the failure, to the row in its table: seconds, and a short outage's length."""
FULL = (
    f"More than {MOST:,} events in one look: some are not shown. "
    "Narrow it with --location, --type or --reason."
)


@dataclass(slots=True)
class Tail:
    """`look` returns the outcomes since a time; `wait` returns when it is time for the next look."""

    look: Callable[[datetime], Sequence[Outcome]]
    clock: Callable[[], datetime]
    wait: Callable[[], None]
    show: Callable[[Outcome], None]
    warn: Callable[[str], None]
    shown: int = 0

    def run(self, since: datetime | None) -> None:
        """Shows outcomes since then, or from now on if None, until it is interrupted.

        Returns at a KeyboardInterrupt; raises CommandError, with how many were shown, when a look fails.
        """
        try:
            self._follow(since)
        except KeyboardInterrupt:
            return
        except CommandError as error:
            raise type(error)(f"{error}; {self.summary()} before") from None

    def summary(self) -> str:
        return "1 event was shown" if self.shown == 1 else f"{self.shown:,} events were shown"

    def _follow(self, since: datetime | None) -> None:
        unseen, warned = Unseen(), False
        before = self.clock()
        start = begin = before - OVERLAP if since is None else since
        is_new = since is not None
        while True:
            found = self.look(begin)
            new = unseen.take(found, begin)
            if is_new:
                self._show(new)
            if len(found) >= MOST and not warned:
                self.warn(FULL)
                warned = True
            self.wait()
            # From the look before, not from now: a machine that slept must not miss what came meanwhile.
            is_new, begin = True, max(start, before - OVERLAP)
            before = self.clock()

    def _show(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            # Before it: Ctrl-C may come when the line is out and `show` has not returned.
            self.shown += 1
            self.show(outcome)
