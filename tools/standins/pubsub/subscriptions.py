"""Subscriptions: what happens when a message arrives, is pulled, is answered or is not."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

from tools.standins.pubsub.backlog import Backlog, Forward, Leases
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Delivery, Message, SubscriptionSettings
from tools.standins.pubsub.record import PushRecord
from tools.standins.status import InvalidArgument

RETAINED = 20_000
"""Messages that a seek can reach back over: some 10 MB, where Pub/Sub keeps days."""


class Subscription(ABC):
    """A backlog, and a timer for its next due delivery."""

    def __init__(self, settings: SubscriptionSettings, forward: Forward, ledger: Ledger) -> None:
        self.settings = settings
        self.record = PushRecord()
        self._forward = forward
        self._ledger = ledger
        self._backlog = Backlog(settings, forward)
        self._retained: deque[Message] = deque(maxlen=RETAINED)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, messages: Sequence[Message]) -> None:
        self._retained.extend(messages)
        for message in messages:
            self._backlog.add(message)
        self.wake()

    def restore(self, retained: Sequence[Message], deliveries: Sequence[Delivery]) -> None:
        """What an earlier process had: messages that a seek can reach, and what it still has to deliver."""
        self._retained.extend(retained)
        for delivery in deliveries:
            self._backlog.add(delivery.message, delivery.attempt)

    def seek(self, moment: datetime) -> None:
        """Delivers what was published from `moment` on, acknowledged or not, and nothing else.

        A delivery in progress finishes; if it fails, it is repeated.
        """
        self._backlog = Backlog(self.settings, self._forward)
        again = [message for message in self._retained if message.publish_time >= moment]
        self._ledger.sought(self.settings.name, again)
        for message in again:
            self._backlog.add(message)
        self.wake()

    def held(self) -> Iterator[Delivery]:
        """Every delivery that is not acknowledged."""
        return self._backlog.held()

    @abstractmethod
    def wake(self) -> None:
        """Called when something may have become ready: delivers it, and sets the timer."""

    @abstractmethod
    def next_due(self) -> float | None:
        """The loop's time at which `wake` next has something to do."""

    async def close(self) -> None:
        """Stops delivering; what is undelivered is lost with the subscription."""
        if self._timer is not None:
            self._timer.cancel()

    def _settle(self, delivery: Delivery) -> None:
        self._backlog.done(delivery)
        self._ledger.settled(self.settings.name, delivery)

    def _fail(self, delivery: Delivery) -> None:
        if self._backlog.fail(delivery, self._loop.time()):
            self._ledger.failed(self.settings.name, delivery)
        else:
            self._settle(delivery)

    def _set_timer(self) -> None:
        due = self.next_due()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_at(due, self.wake)


class PullSubscription(Subscription):
    """Hands out leases; a lease that is neither acknowledged nor extended in time counts as failed."""

    def __init__(self, settings: SubscriptionSettings, forward: Forward, ledger: Ledger) -> None:
        super().__init__(settings, forward, ledger)
        self._leases = Leases(settings)
        self._arrived = asyncio.Event()

    def seek(self, moment: datetime) -> None:
        self._leases.end_all()
        super().seek(moment)

    async def pull(self, limit: int, hold: float) -> list[tuple[str, Delivery]]:
        """Up to `limit` deliveries with their ack ids; waits up to `hold` seconds for the first one."""
        end = self._loop.time() + hold
        while not (taken := self._backlog.take(limit, self._loop.time())):
            arrived = self._arrived
            self._set_timer()
            try:
                async with asyncio.timeout_at(end):
                    await arrived.wait()
            except TimeoutError:
                break
        deadline = self._loop.time() + self.settings.ack_deadline
        leased = [(self._leases.grant(delivery, deadline), delivery) for delivery in taken]
        self._set_timer()
        return leased

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        self._check(ack_ids)
        for ack_id in ack_ids:
            delivery = self._leases.end(ack_id)
            if delivery is not None:
                self._settle(delivery)

    def modify_deadline(self, ack_ids: Sequence[str], seconds: float) -> None:
        """Moves the leases' deadlines to `seconds` from now; 0 fails them at once."""
        self._check(ack_ids)
        for ack_id in ack_ids:
            self._leases.extend(ack_id, self._loop.time() + seconds)
        self.wake()

    def wake(self) -> None:
        now = self._loop.time()
        for delivery in self._leases.expired(now):
            self._fail(delivery)
        self._backlog.promote(now)
        self._set_timer()
        # Waiters on the old event look again; later ones wait on the new event.
        self._arrived.set()
        self._arrived = asyncio.Event()

    def next_due(self) -> float | None:
        times = [due for due in (self._leases.next_due(), self._backlog.next_due()) if due is not None]
        return min(times, default=None)

    def _check(self, ack_ids: Sequence[str]) -> None:
        if not ack_ids:
            raise InvalidArgument("No ack ids specified.")
        for ack_id in ack_ids:
            if not self._leases.knows(ack_id):
                raise InvalidArgument(f"Invalid ack id (ack_id={ack_id})")
