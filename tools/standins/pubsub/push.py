"""Push subscriptions: each message is one POST, and the answer's status decides what happens next."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace

import orjson

from tools.faults.injecting import Call, Faults
from tools.faults.plan import Fault
from tools.pipeline.pubsub_state import ACKNOWLEDGED, NO_ANSWER
from tools.standins.pubsub.backlog import Forward
from tools.standins.pubsub.http import Posts
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Delivery, Message, SubscriptionSettings
from tools.standins.pubsub.subscriptions import Subscription

_HEADERS = {"Content-Type": "application/json", "User-Agent": "CloudPubSub-Google"}


def push_body(settings: SubscriptionSettings, delivery: Delivery) -> bytes:
    """The wrapped push body, as Pub/Sub writes it, without empty fields."""
    message = delivery.message
    fields: dict[str, object] = {
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": message.published,
        "publish_time": message.published,
    }
    if message.data:
        fields["data"] = base64.b64encode(message.data).decode()
    if message.attributes:
        fields["attributes"] = message.attributes
    if message.ordering_key:
        fields["orderingKey"] = message.ordering_key
    body: dict[str, object] = {"message": fields, "subscription": settings.name}
    if settings.shows_attempt():
        body["deliveryAttempt"] = delivery.attempt
    return orjson.dumps(body)


class PushSubscription(Subscription):
    """Posts each message, at most `concurrency` at once; no answer within the ack deadline is a failure."""

    def __init__(
        self,
        settings: SubscriptionSettings,
        forward: Forward,
        ledger: Ledger,
        concurrency: int,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(settings, forward, ledger, faults)
        self._posts = Posts(settings.push_endpoint, _HEADERS)
        self._concurrency = concurrency
        self._held = False
        self._workers: set[asyncio.Task[None]] = set()
        self._workers_beside: set[asyncio.Task[None]] = set()
        """Deliveries of what is acknowledged already."""

    def restore(self, retained: Sequence[Message], deliveries: Sequence[Delivery]) -> None:
        """Pushes nothing before `redirect`: another program may have the endpoint's port by now."""
        super().restore(retained, deliveries)
        self._held = True

    def redirect(self, endpoint: str) -> None:
        """Pushes there from now on."""
        if endpoint != self.settings.push_endpoint:
            self.settings = replace(self.settings, push_endpoint=endpoint)
            self._posts.close()
            self._posts = Posts(endpoint, _HEADERS)
        self._held = False
        self.wake()

    def wake(self) -> None:
        if self._held:
            return
        self._backlog.promote(self._loop.time())
        for _ in range(min(self._backlog.ready(), self._concurrency - len(self._workers))):
            worker = self._loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        self._set_timer()

    def next_due(self) -> float | None:
        return self._backlog.next_due()

    async def close(self) -> None:
        await super().close()
        workers = self._workers | self._workers_beside
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self._posts.close()

    async def _work(self) -> None:
        """Delivers until nothing is ready: cheaper than a task per message, and bounded."""
        while taken := self._backlog.take(1, self._loop.time()):
            for delivery in taken:
                call = self._fault()
                if call is not None and self._holds_back(call, delivery):
                    continue
                self._answered(delivery, await self._deliver(call, delivery))
                self._set_timer()

    async def _deliver(self, call: Call | None, delivery: Delivery) -> int:
        """What Pub/Sub takes for the answer."""
        if call is None:
            return await self._post(delivery)
        deliveries = call.faults.deliveries
        if call.happens(Fault.TWICE, deliveries.twice):
            answer, _ = await asyncio.gather(self._post(delivery), self._post(delivery))
        else:
            answer = await self._post(delivery)
        if call.happens(Fault.LOSES_ACK, deliveries.loses_acks):
            return NO_ANSWER
        if answer in ACKNOWLEDGED and call.happens(Fault.AGAIN, deliveries.again):
            again = self._loop.create_task(
                self._post_again(delivery, call.roll("how long after") * deliveries.late_by)
            )
            self._workers_beside.add(again)
            again.add_done_callback(self._workers_beside.discard)
        return answer

    async def _post_again(self, delivery: Delivery, after: float) -> None:
        await asyncio.sleep(after)
        await self._post(delivery)

    async def _post(self, delivery: Delivery) -> int:
        """The endpoint's status, or NO_ANSWER."""
        try:
            return await self._posts.post(push_body(self.settings, delivery), self.settings.ack_deadline)
        except (TimeoutError, OSError):
            return NO_ANSWER
