"""Pull subscriptions: deliveries are leased, by a call or on a stream, and a lease that ends is a failure."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from tools.faults.injecting import Call, Faults
from tools.faults.plan import Fault
from tools.pipeline.pubsub_state import NO_ANSWER, PULL_AGAIN, PULL_DONE
from tools.standins.pubsub.backlog import Forward
from tools.standins.pubsub.leases import Leases, Outstanding
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Delivery, SubscriptionSettings
from tools.standins.pubsub.subscriptions import Subscription
from tools.standins.status import InvalidArgument

Leased = tuple[str, Delivery]
"""With its ack id."""


class PullSubscription(Subscription):
    """Hands out leases; a lease that is neither acknowledged nor extended in time counts as failed."""

    def __init__(
        self,
        settings: SubscriptionSettings,
        forward: Forward,
        ledger: Ledger,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(settings, forward, ledger, faults)
        self._leases = Leases(settings)
        self._looking: set[asyncio.Event] = set()
        self._again: list[Delivery] = []
        """What goes out once more although it is acknowledged, or out already: a planned fault."""
        self.streams = 0
        self.is_open = True

    def seek(self, moment: datetime) -> None:
        self._leases.end_all()
        super().seek(moment)

    def watch(self, event: asyncio.Event) -> None:
        """Sets it whenever there may be something to lease, or the subscription ends."""
        self._looking.add(event)

    def unwatch(self, event: asyncio.Event) -> None:
        self._looking.discard(event)

    def lease(self, limit: int, seconds: float, holder: Outstanding) -> list[Leased]:
        """Up to `limit` deliveries, and no more than the holder may have, for so many seconds."""
        now, leased = self._loop.time(), list[Leased]()
        while self._again and len(leased) < limit:
            leased.append((self._leases.ghost(), self._again.pop()))
        while len(leased) < limit and (taken := self._backlog.take(1, now, holder.admits)):
            for delivery in taken:
                call = self._fault()
                if call is not None and self._holds_back(call, delivery):
                    continue
                leased.append((self._leases.grant(delivery, now + seconds, holder), delivery))
                if call is not None and call.happens(Fault.TWICE, call.faults.deliveries.twice):
                    leased.append((self._leases.ghost(), delivery))
        self._set_timer()
        return leased

    async def pull(self, limit: int, hold: float) -> list[Leased]:
        """Up to `limit` deliveries with their ack ids; waits up to `hold` seconds for the first one."""
        end, arrived = self._loop.time() + hold, asyncio.Event()
        self.watch(arrived)
        try:
            async with asyncio.timeout_at(end):
                while not (leased := self.lease(limit, self.settings.ack_deadline, Outstanding())):
                    arrived.clear()
                    await arrived.wait()
        except TimeoutError:
            return []
        finally:
            self.unwatch(arrived)
        return leased

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        self._check(ack_ids)
        for ack_id in ack_ids:
            delivery = self._leases.end(ack_id)
            if delivery is not None:
                self._acknowledged(delivery)
        self._set_timer()

    def modify_deadline(self, ack_ids: Sequence[str], seconds: float) -> None:
        """Moves the leases' deadlines to `seconds` from now; 0 fails them at once."""
        self._check(ack_ids)
        for ack_id in ack_ids:
            if seconds > 0:
                self._leases.extend(ack_id, self._loop.time() + seconds)
            elif (delivery := self._leases.end(ack_id)) is not None:
                self._answered(delivery, PULL_AGAIN)
        self.wake()

    def wake(self) -> None:
        now = self._loop.time()
        for delivery in self._leases.expired(now):
            self._answered(delivery, NO_ANSWER)
        self._backlog.promote(now)
        self._set_timer()
        for event in self._looking:
            event.set()

    def next_due(self) -> float | None:
        times = [due for due in (self._leases.next_due(), self._backlog.next_due()) if due is not None]
        return min(times, default=None)

    async def close(self) -> None:
        await super().close()
        self.is_open = False
        for event in self._looking:
            event.set()

    def _acknowledged(self, delivery: Delivery) -> None:
        call = self._fault()
        if call is not None and call.happens(Fault.LOSES_ACK, call.faults.deliveries.loses_acks):
            self._answered(delivery, NO_ANSWER)
            return
        self._answered(delivery, PULL_DONE)
        if call is not None and call.happens(Fault.AGAIN, call.faults.deliveries.again):
            self._repeat(call, delivery)

    def _repeat(self, call: Call, delivery: Delivery) -> None:
        def repeat() -> None:
            self._again.append(delivery)
            self.wake()

        self._loop.call_later(call.roll("how long after") * call.faults.deliveries.late_by, repeat)

    def _check(self, ack_ids: Sequence[str]) -> None:
        if not ack_ids:
            raise InvalidArgument("No ack ids specified.")
        for ack_id in ack_ids:
            if not self._leases.knows(ack_id):
                raise InvalidArgument(f"Invalid ack id (ack_id={ack_id})")
