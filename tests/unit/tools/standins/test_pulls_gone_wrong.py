"""What a pull subscription does to deliveries under a plan of faults, and how it accounts for each."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tools.faults.injecting import Faults
from tools.faults.plan import Deliveries, Plan
from tools.faults.running import Running
from tools.pipeline.pubsub_state import NO_ANSWER, PULL_AGAIN, PULL_DONE
from tools.standins.pubsub.leases import Outstanding
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Backoff, Message, SubscriptionSettings
from tools.standins.pubsub.pull import Leased, PullSubscription

NAMES = ["a", "b", "c", "d", "e"]


@asynccontextmanager
async def pulled(folder: Path, deliveries: Deliveries) -> AsyncIterator[PullSubscription]:
    """A subscription with these messages."""
    Running(plan=Plan(seed=1, heals_at=60, deliveries=deliveries), began=time.time()).write(folder)
    name, topic = "projects/p/subscriptions/s", "projects/p/topics/t"
    settings = SubscriptionSettings(name, topic, "", 10.0, Backoff(0.01, 0.01), None)
    subscription = PullSubscription(settings, lambda *_: None, Ledger(), Faults("pubsub", folder))
    moment = datetime.now(UTC)
    subscription.add([Message(name.encode(), {}, "", name, moment) for name in NAMES])
    try:
        yield subscription
    finally:
        await subscription.close()


def ids(leased: list[Leased]) -> list[str]:
    return [delivery.message.message_id for _, delivery in leased]


async def lease(
    subscription: PullSubscription, enough: Callable[[list[Leased]], bool], holder: Outstanding | None = None
) -> list[Leased]:
    """What comes until there is enough."""
    looking, leased = asyncio.Event(), list[Leased]()
    subscription.watch(looking)
    async with asyncio.timeout(5):
        while not enough(leased):
            leased += subscription.lease(100, 60.0, holder or Outstanding())
            if not enough(leased):
                await looking.wait()
                looking.clear()
    return leased


async def test_a_message_is_delivered_twice_at_once(tmp_path: Path) -> None:
    async with pulled(tmp_path, Deliveries(twice=1)) as subscription:
        leased = await lease(subscription, lambda leased: len(leased) == 10)
        assert sorted(ids(leased)) == sorted(NAMES * 2)
        assert len({ack_id for ack_id, _ in leased}) == 10
        subscription.acknowledge([ack_id for ack_id, _ in leased])
        assert list(subscription.held()) == []
        assert subscription.record.all_answers == {PULL_DONE: 5}


async def test_an_acknowledged_message_comes_again_once(tmp_path: Path) -> None:
    async with pulled(tmp_path, Deliveries(again=1, late_by=0.05)) as subscription:
        leased = await lease(subscription, lambda leased: len(leased) == 5)
        subscription.acknowledge([ack_id for ack_id, _ in leased])
        assert list(subscription.held()) == []
        again = await lease(subscription, lambda leased: len(leased) == 5)
        assert sorted(ids(again)) == NAMES
        subscription.acknowledge([ack_id for ack_id, _ in again])
        subscription.modify_deadline([ack_id for ack_id, _ in again], 0)
        assert subscription.record.all_answers == {PULL_DONE: 5}


async def test_late_messages_overtake_each_other_and_all_come_once(tmp_path: Path) -> None:
    async with pulled(tmp_path, Deliveries(late=1, late_by=0.3)) as subscription:
        came = ids(await lease(subscription, lambda leased: len(leased) == 5))
        assert sorted(came) == NAMES
        assert came != NAMES


async def test_a_message_whose_acknowledgement_is_lost_comes_again(tmp_path: Path) -> None:
    async with pulled(tmp_path, Deliveries(loses_acks=0.5)) as subscription:
        leased = await lease(subscription, lambda leased: len(leased) == 5)
        subscription.acknowledge([ack_id for ack_id, _ in leased])
        lost = subscription.record.all_answers[NO_ANSWER]
        assert 0 < lost < 5
        again = await lease(subscription, lambda leased: len(leased) == lost)
        assert {delivery.attempt for _, delivery in again} == {2}


async def test_given_back_and_run_out_leases_count_as_failed_and_free_the_puller(tmp_path: Path) -> None:
    async with pulled(tmp_path, Deliveries()) as subscription:
        holder = Outstanding(most_messages=5)
        (first, second, *_) = await lease(subscription, lambda leased: len(leased) == 5, holder)
        assert subscription.lease(100, 60.0, holder) == []
        subscription.modify_deadline([first[0]], 0)
        subscription.modify_deadline([second[0]], 0.01)
        again = await lease(subscription, lambda leased: len(leased) == 2, holder)
        assert sorted(ids(again)) == sorted(ids([first, second]))
        assert subscription.record.all_answers == {PULL_AGAIN: 1, NO_ANSWER: 1}
        assert (holder.messages, holder.bytes) == (5, 5)
