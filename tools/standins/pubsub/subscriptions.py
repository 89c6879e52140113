"""What subscriptions have in common: a backlog, what became of each delivery, and the faults of a plan."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tools.faults.injecting import Call, Faults
from tools.faults.plan import Fault
from tools.pipeline.pubsub_state import ACKNOWLEDGED
from tools.standins.pubsub.backlog import Backlog, Forward
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Delivery, Message, SubscriptionSettings
from tools.standins.pubsub.record import DeliveryRecord

RETAINED = 20_000
"""Messages that a seek can reach back over: some 10 MB, where Pub/Sub keeps days."""


class Subscription(ABC):
    """A backlog, and a timer for its next due delivery."""

    def __init__(
        self, settings: SubscriptionSettings, forward: Forward, ledger: Ledger, faults: Faults | None = None
    ) -> None:
        self.settings = settings
        self.record = DeliveryRecord()
        self._forward = forward
        self._ledger = ledger
        self._backlog = Backlog(settings, forward)
        self._retained: deque[Message] = deque(maxlen=RETAINED)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._faults = faults
        self._late: set[str] = set()
        """Messages that were held back once."""

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

    def retained(self) -> Iterator[Message]:
        """What a seek can reach, oldest first."""
        yield from self._retained

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

    def _answered(self, delivery: Delivery, answer: int) -> None:
        """What came of a delivery: a status, or NO_ANSWER."""
        now = self._loop.time()
        delivery.answer = answer
        self.record.answered(answer, now)
        if answer in ACKNOWLEDGED:
            self._settle(delivery)
            self.record.acknowledged(delivery.message, now, datetime.now(UTC))
        else:
            self._fail(delivery)

    def _fault(self) -> Call | None:
        """The dice for the next delivery; None while nothing goes wrong."""
        return self._faults.call(self.settings.name.rpartition("/")[2]) if self._faults else None

    def _holds_back(self, call: Call, delivery: Delivery) -> bool:
        """Each message once at most, so that it comes some day."""
        message, deliveries = delivery.message.message_id, call.faults.deliveries
        if message in self._late or not call.happens(Fault.LATE, deliveries.late):
            return False
        self._late.add(message)
        self._backlog.postpone(delivery, self._loop.time() + call.roll("how late") * deliveries.late_by)
        self._set_timer()
        return True

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
