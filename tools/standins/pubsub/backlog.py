"""What one subscription still has to deliver. Pure: the time is passed in (seconds, monotonic)."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, islice

from tools.standins.pubsub.model import Delivery, Message, SubscriptionSettings

Forward = Callable[[SubscriptionSettings, Delivery], bool]
"""Publishes a delivery out of attempts to the dead-letter topic; False if there is no such topic."""


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

    def take(self, limit: int, now: float) -> list[Delivery]:
        """Up to `limit` ready deliveries; the caller says later that they failed, or are done."""
        self.promote(now)
        taken = list(islice(self._ready, limit))
        for delivery in taken:
            self._ready.popleft()
            self._taken[id(delivery)] = delivery
        return taken

    def done(self, delivery: Delivery) -> None:
        """It is acknowledged; does nothing for one that was taken before a seek."""
        self._taken.pop(id(delivery), None)

    def fail(self, delivery: Delivery, now: float) -> bool:
        """Redelivers it after its backoff, or forwards it if this was its last attempt; False when it did."""
        self.done(delivery)
        policy = self._settings.dead_letters
        exhausted = policy is not None and delivery.attempt >= policy.max_delivery_attempts
        if exhausted and self._forward(self._settings, delivery):
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


class Leases:
    """Pulled deliveries by ack id, each with the deadline after which it counts as failed."""

    def __init__(self, settings: SubscriptionSettings) -> None:
        self._prefix = f"{settings.name}:"
        self._held: dict[str, tuple[Delivery, float]] = {}
        self._serial = count(1)
        self._deadlines: list[tuple[float, str]] = []

    def grant(self, delivery: Delivery, deadline: float) -> str:
        """A new ack id for this delivery; each delivery of a message gets its own."""
        ack_id = f"{self._prefix}{next(self._serial)}"
        self._hold(ack_id, delivery, deadline)
        return ack_id

    def end(self, ack_id: str) -> Delivery | None:
        """Ends a lease and returns its delivery; None if it had ended already."""
        held = self._held.pop(ack_id, None)
        return held[0] if held else None

    def end_all(self) -> None:
        """Ends every lease; their ack ids stay known."""
        self._held.clear()

    def extend(self, ack_id: str, deadline: float) -> None:
        delivery = self.end(ack_id)
        if delivery is not None:
            self._hold(ack_id, delivery, deadline)

    def expired(self, now: float) -> list[Delivery]:
        """Ends the leases whose deadline has passed, and returns their deliveries."""
        gone = []
        while (due := self.next_due()) is not None and due <= now:
            delivery = self.end(heapq.heappop(self._deadlines)[1])
            if delivery is not None:
                gone.append(delivery)
        return gone

    def next_due(self) -> float | None:
        """The earliest deadline of a current lease."""
        while self._deadlines and not self._is_current(*self._deadlines[0]):
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def knows(self, ack_id: str) -> bool:
        """Whether it looks like an ack id of this subscription, ended or not."""
        return ack_id.startswith(self._prefix) and ack_id[len(self._prefix) :].isdigit()

    def _hold(self, ack_id: str, delivery: Delivery, deadline: float) -> None:
        self._held[ack_id] = (delivery, deadline)
        heapq.heappush(self._deadlines, (deadline, ack_id))

    def _is_current(self, deadline: float, ack_id: str) -> bool:
        held = self._held.get(ack_id)
        return held is not None and held[1] == deadline
