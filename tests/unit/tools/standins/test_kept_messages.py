"""What Pub/Sub's file forgets: what no seek reaches and nothing waits for, and what is a week old."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.pubsub_v1.types import Subscription

from tools.standins.pubsub.kept import KeptLedger
from tools.standins.pubsub.model import Delivery, Message
from tools.standins.pubsub.subscriptions import RETAINED

NOW = datetime.now(UTC).replace(microsecond=0)
TOPIC, NAME = "projects/p/topics/t", "projects/p/subscriptions/s"
RESOURCE = Subscription.pb()(name=NAME, topic=TOPIC).SerializeToString()
BATCH = 1_000


def messages(first: int, count: int, published: datetime = NOW) -> list[Message]:
    return [
        Message(b"data", {"an": "attribute"}, "", str(number), published)
        for number in range(first, first + count)
    ]


def kept(path: Path) -> tuple[Sequence[Message], Sequence[Delivery]]:
    """What a process that starts with the file has of the subscription."""
    ledger = KeptLedger(path)
    (subscription,) = ledger.subscriptions()
    ledger.close()
    return subscription.retained, subscription.deliveries


async def test_the_newest_messages_and_those_that_wait_are_kept(tmp_path: Path) -> None:
    ledger = KeptLedger(tmp_path / "data")
    ledger.subscription_changed(NAME, TOPIC, RESOURCE)
    waiting = messages(1, 1)
    ledger.published(TOPIC, waiting, [NAME])
    for first in range(2, 2 * RETAINED, BATCH):
        ledger.published(TOPIC, messages(first, BATCH), [])
    ledger.close()
    retained, deliveries = kept(tmp_path / "data")
    assert deliveries == [Delivery(waiting[0])]
    assert [message.message_id for message in retained] == [
        str(number) for number in range(2 + RETAINED, 2 + 2 * RETAINED)
    ]
    with closing(sqlite3.connect(tmp_path / "data")) as file:
        (rows,) = file.execute("SELECT COUNT(*) FROM messages").fetchone()
    assert rows <= RETAINED + 2, "the others are gone"


async def test_a_message_is_kept_for_a_week(tmp_path: Path) -> None:
    ledger = KeptLedger(tmp_path / "data")
    ledger.subscription_changed(NAME, TOPIC, RESOURCE)
    ledger.published(TOPIC, messages(1, 1, NOW - timedelta(days=8)), [NAME])
    ledger.published(TOPIC, messages(2, 1, NOW - timedelta(days=6)), [NAME])
    ledger.close()
    young = messages(2, 1, NOW - timedelta(days=6))
    assert kept(tmp_path / "data") == (young, [Delivery(young[0])])


async def test_a_subscription_reaches_back_to_its_own_beginning(tmp_path: Path) -> None:
    ledger = KeptLedger(tmp_path / "data")
    ledger.published(TOPIC, messages(1, 1), [])
    ledger.subscription_changed(NAME, TOPIC, RESOURCE)
    ledger.published(TOPIC, messages(2, 1), [NAME])
    ledger.subscription_changed(NAME, TOPIC, RESOURCE)  # another endpoint, for example
    ledger.close()
    assert kept(tmp_path / "data")[0] == messages(2, 1)
