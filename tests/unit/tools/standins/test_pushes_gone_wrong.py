"""What a push subscription does to deliveries under a plan of faults, seen by a real endpoint."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.conformance.push_endpoint import PushEndpoint, push_endpoint
from tools.faults.injecting import Faults
from tools.faults.plan import Deliveries, Plan
from tools.faults.running import Running
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Backoff, Message, SubscriptionSettings
from tools.standins.pubsub.push import PushSubscription

NAMES = [b"a", b"b", b"c", b"d", b"e"]


@asynccontextmanager
async def pushing(
    folder: Path, deliveries: Deliveries
) -> AsyncIterator[tuple[PushSubscription, PushEndpoint]]:
    """A subscription with these messages, and its endpoint."""
    Running(plan=Plan(seed=1, heals_at=60, deliveries=deliveries), began=time.time()).write(folder)
    async with push_endpoint() as endpoint:
        name, topic = "projects/p/subscriptions/s", "projects/p/topics/t"
        settings = SubscriptionSettings(name, topic, endpoint.url, 10.0, Backoff(0.01, 0.01), None)
        subscription = PushSubscription(
            settings, lambda *_: None, Ledger(), concurrency=4, faults=Faults("pubsub", folder)
        )
        moment = datetime.now(UTC)
        subscription.add([Message(name, {}, "", name.decode(), moment) for name in NAMES])
        try:
            yield subscription, endpoint
        finally:
            await subscription.close()


async def test_a_message_is_delivered_twice_at_once(tmp_path: Path) -> None:
    async with pushing(tmp_path, Deliveries(twice=1)) as (_, endpoint):
        both = asyncio.Barrier(2)

        async def answer_both_at_once(_: object) -> int:
            await both.wait()
            return 204

        endpoint.answer = answer_both_at_once
        await endpoint.until(lambda: all(len(endpoint.of(name)) == 2 for name in NAMES))


async def test_an_acknowledged_message_comes_again(tmp_path: Path) -> None:
    async with pushing(tmp_path, Deliveries(again=1, late_by=0.05)) as (subscription, endpoint):
        await endpoint.until(lambda: all(len(endpoint.of(name)) == 2 for name in NAMES))
        assert list(subscription.held()) == []


async def test_late_messages_overtake_each_other_and_all_come_once(tmp_path: Path) -> None:
    async with pushing(tmp_path, Deliveries(late=1, late_by=0.3)) as (_, endpoint):
        await endpoint.until(lambda: len(endpoint.deliveries) == len(NAMES))
        came = [delivery.data for delivery in endpoint.deliveries]
        assert sorted(came) == NAMES
        assert came != NAMES


async def test_a_message_whose_acknowledgement_is_lost_comes_again(tmp_path: Path) -> None:
    async with pushing(tmp_path, Deliveries(loses_acks=0.5)) as (subscription, endpoint):
        await endpoint.until(lambda: len(endpoint.deliveries) > len(NAMES))
        assert {delivery.data for delivery in endpoint.deliveries} <= set(NAMES)
        assert len(list(subscription.held())) <= len(NAMES)
