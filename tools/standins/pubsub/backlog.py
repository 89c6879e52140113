"""What one subscription still has to deliver. Pure: the time is passed in (seconds, monotonic)."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count

from tools.standins.pubsub.model import Delivery, Message, SubscriptionSettings

Forward = Callable[[SubscriptionSettings, str, Delivery], None]
"""Publishes a delivery out of attempts to the dead-letter topic."""


class Backlog:
    """Messages that are ready, failed ones waiting out their backoff, and those taken and not done yet."""

    def __init__(self, settings: SubscriptionSettings, forward: Forward) -> None:
        self._settings = settings
        self._forward = forward
        self._ready: deque[Delivery] = deque()
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._taken: dict[int, Delivery] = {}
        self._order = count()  # breaks ties in the heap, where deliveries can't be compared

    def add(self, message: Message, attempt: int = 1) -> None:
        self._ready.append(Delivery(message, attempt))

    def promote(self, now: float) -> None:
        """Makes messages ready whose backoff is over."""
        while self._waiting and self._waiting[0][0] <= now:
            self._ready.append(heapq.heappop(self._waiting)[2])

    def take(
        self, limit: int, now: float, admits: Callable[[Delivery], bool] = lambda _: True
    ) -> list[Delivery]:
        """Up to `limit` ready deliveries, while each is admitted; the caller says later that they failed, or
        are done."""
        self.promote(now)
        taken: list[Delivery] = []
        while self._ready and len(taken) < limit and admits(self._ready[0]):
            delivery = self._ready.popleft()
            self._taken[id(delivery)] = delivery
            taken.append(delivery)
        return taken

    def done(self, delivery: Delivery) -> None:
        """It is acknowledged; does nothing for one that was taken before a seek."""
        self._taken.pop(id(delivery), None)

    def fail(self, delivery: Delivery, now: float) -> bool:
        """Redelivers it after its backoff, or forwards it if this was its last attempt; False when it did."""
        self.done(delivery)
        policy = self._settings.dead_letters
        if policy is not None and delivery.attempt >= policy.max_delivery_attempts:
            self._forward(self._settings, policy.topic, delivery)
            return False
        due = now + self._settings.backoff.after(delivery.attempt)
        delivery.attempt += 1
        heapq.heappush(self._waiting, (due, next(self._order), delivery))
        return True

    def postpone(self, delivery: Delivery, due: float) -> None:
        """Gives a taken delivery back until then, as if it had not been tried."""
        self.done(delivery)
        heapq.heappush(self._waiting, (due, next(self._order), delivery))

    def next_due(self) -> float | None:
        """When the next failed message's backoff is over."""
        return self._waiting[0][0] if self._waiting else None

    def ready(self) -> int:
        """How many deliveries could be taken now."""
        return len(self._ready)

    def held(self) -> Iterator[Delivery]:
        """Everything that is not acknowledged, in no order."""
        yield from self._ready
        yield from (delivery for _, _, delivery in self._waiting)
        yield from self._taken.values()
