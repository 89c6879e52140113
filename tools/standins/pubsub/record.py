"""What a subscription remembers of its last deliveries. Pure: the time is passed in (seconds, monotonic)."""

from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime

from tools.pipeline.pubsub_state import PERIOD, Acknowledged
from tools.standins.pubsub.model import Message

KEPT = 1_000
"""Acknowledged messages that are kept: enough for a 99th percentile."""


class DeliveryRecord:
    """The deliveries of the last PERIOD: their answers, counted by the second, and what was acknowledged."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, Counter[int]]] = deque()
        self._acknowledged: deque[tuple[float, Message, datetime]] = deque(maxlen=KEPT)
        self.all_answers: Counter[int] = Counter()
        """Status to deliveries, of all periods."""

    def answered(self, status: int, now: float) -> None:
        """Counts a status, or NO_ANSWER."""
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._forget(now)
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][status] += 1
        self.all_answers[status] += 1

    def acknowledged(self, message: Message, now: float, at: datetime) -> None:
        self._acknowledged.append((now, message, at))

    def answers(self, now: float) -> Counter[int]:
        """Status to deliveries."""
        self._forget(now)
        return sum((counts for _, counts in self._seconds), Counter())

    def recent(self, now: float) -> Iterator[Acknowledged]:
        """What was acknowledged last, oldest first."""
        for then, message, at in self._acknowledged:
            if then > now - PERIOD:
                yield Acknowledged(
                    attributes=message.attributes, published=message.publish_time, acknowledged=at
                )

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0][0] < now - PERIOD:
            self._seconds.popleft()
