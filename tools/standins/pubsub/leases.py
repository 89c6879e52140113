"""Which deliveries are out at pullers, and until when. Pure: the time is passed in (seconds, monotonic)."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from tools.standins.pubsub.model import Delivery, SubscriptionSettings


@dataclass(slots=True, eq=False)
class Outstanding:
    """What one puller holds, and may hold: messages and bytes, 0 for any number."""

    most_messages: int = 0
    most_bytes: int = 0
    freed: Callable[[], None] = lambda: None
    """Called when there is less of it."""
    messages: int = field(default=0, init=False)
    bytes: int = field(default=0, init=False)

    def admits(self, delivery: Delivery) -> bool:
        """Whether one more may go out; a message that is larger than the limit goes alone."""
        if self.most_messages > 0 and self.messages >= self.most_messages:
            return False
        return self.most_bytes <= 0 or not self.bytes or self.bytes + delivery.message.size <= self.most_bytes

    def add(self, delivery: Delivery) -> None:
        self.messages += 1
        self.bytes += delivery.message.size

    def remove(self, delivery: Delivery) -> None:
        self.messages -= 1
        self.bytes -= delivery.message.size
        self.freed()


@dataclass(frozen=True, slots=True)
class _Lease:
    delivery: Delivery
    deadline: float
    holder: Outstanding


class Leases:
    """Pulled deliveries by ack id, each with the deadline after which it counts as failed."""

    def __init__(self, settings: SubscriptionSettings) -> None:
        self._prefix = f"{settings.name}:"
        self._held: dict[str, _Lease] = {}
        self._serial = count(1)
        self._deadlines: list[tuple[float, str]] = []

    def grant(self, delivery: Delivery, deadline: float, holder: Outstanding) -> str:
        """A new ack id for this delivery; each delivery of a message gets its own."""
        ack_id = self.ghost()
        holder.add(delivery)
        self._hold(ack_id, _Lease(delivery, deadline, holder))
        return ack_id

    def ghost(self) -> str:
        """An ack id for which nothing is held, as that of a delivery that is repeated needlessly."""
        return f"{self._prefix}{next(self._serial)}"

    def end(self, ack_id: str) -> Delivery | None:
        """Ends a lease and returns its delivery; None if it had ended already."""
        lease = self._held.pop(ack_id, None)
        if lease is None:
            return None
        lease.holder.remove(lease.delivery)
        return lease.delivery

    def end_all(self) -> None:
        """Ends every lease; their ack ids stay known."""
        for ack_id in list(self._held):
            self.end(ack_id)

    def extend(self, ack_id: str, deadline: float) -> None:
        if ack_id in self._held:
            self._hold(ack_id, replace(self._held[ack_id], deadline=deadline))

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

    def _hold(self, ack_id: str, lease: _Lease) -> None:
        self._held[ack_id] = lease
        heapq.heappush(self._deadlines, (lease.deadline, ack_id))

    def _is_current(self, deadline: float, ack_id: str) -> bool:
        lease = self._held.get(ack_id)
        return lease is not None and lease.deadline == deadline
