"""Topics, subscriptions and messages on disk, for a Pub/Sub that comes back with its data.

What is published is on disk before the publisher has its answer. What is acknowledged follows within a
moment: a process that is killed in it delivers those messages again, as Pub/Sub may at any time.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.clock import from_micros, to_micros
from tools.standins.kept import open_kept
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Delivery, Message
from tools.standins.pubsub.subscriptions import RETAINED

COMMIT_SECONDS = 0.1
"""After which an acknowledgement is on disk, with all others of that time."""
_RETENTION_MICROS = 7 * 24 * 3600 * 1_000_000
_TABLES = """
CREATE TABLE topics (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE subscriptions (
  name TEXT PRIMARY KEY, topic TEXT NOT NULL, resource BLOB NOT NULL, first_message INTEGER NOT NULL
);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, published INTEGER NOT NULL,
  data BLOB NOT NULL, attributes TEXT NOT NULL, ordering_key TEXT NOT NULL
);
CREATE INDEX by_topic ON messages (topic, id);
CREATE TABLE deliveries (
  subscription TEXT, message INTEGER, attempt INTEGER NOT NULL, PRIMARY KEY (subscription, message)
) WITHOUT ROWID;
CREATE INDEX by_message ON deliveries (message);
"""
_MESSAGE = "id, published, data, attributes, ordering_key"


@dataclass(frozen=True, slots=True)
class KeptSubscription:
    """What a subscription was when the process ended."""

    resource: bytes
    """The google.pubsub.v1.Subscription."""
    retained: Sequence[Message]
    """The newest of its topic's messages, oldest first, acknowledged or not."""
    deliveries: Sequence[Delivery]
    """Not acknowledged, oldest first."""


class KeptLedger(Ledger):
    """For use in a running event loop."""

    def __init__(self, path: Path) -> None:
        self._file = open_kept(path, _TABLES)
        self._loop = asyncio.get_running_loop()
        self._commit_due: asyncio.TimerHandle | None = None
        self._published = Counter[str]()
        oldest = time.time_ns() // 1000 - _RETENTION_MICROS
        with self._file:
            self._file.execute("DELETE FROM messages WHERE published < ?", (oldest,))
            self._file.execute("DELETE FROM deliveries WHERE message NOT IN (SELECT id FROM messages)")

    def topics(self) -> list[str]:
        return [name for (name,) in self._file.execute("SELECT name FROM topics")]

    def last_id(self) -> int:
        """The highest message id so far, or 0."""
        (last,) = self._file.execute("SELECT COALESCE(MAX(id), 0) FROM messages").fetchone()
        return int(last)

    def subscriptions(self) -> Iterator[KeptSubscription]:
        rows = self._file.execute("SELECT * FROM subscriptions").fetchall()
        for name, topic, resource, first in rows:
            newest = self._file.execute(
                f"SELECT {_MESSAGE} FROM messages WHERE topic = ? AND id >= ? ORDER BY id DESC LIMIT ?",
                (topic, first, RETAINED),
            )
            waiting = self._file.execute(
                f"SELECT {_MESSAGE}, attempt FROM deliveries JOIN messages ON id = message "
                "WHERE subscription = ? ORDER BY id",
                (name,),
            )
            yield KeptSubscription(
                resource,
                [_message(*row) for row in newest][::-1],
                [Delivery(_message(*row[:-1]), row[-1]) for row in waiting],
            )

    def topic_created(self, name: str) -> None:
        with self._file:
            self._file.execute("INSERT OR IGNORE INTO topics VALUES (?)", (name,))

    def subscription_changed(self, name: str, topic: str, resource: bytes) -> None:
        row = (name, topic, resource, self.last_id() + 1)
        with self._file:
            self._file.execute(
                "INSERT INTO subscriptions VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET resource = excluded.resource",
                row,
            )

    def subscription_deleted(self, name: str) -> None:
        with self._file:
            self._file.execute("DELETE FROM subscriptions WHERE name = ?", (name,))
            self._file.execute("DELETE FROM deliveries WHERE subscription = ?", (name,))

    def published(self, topic: str, messages: Sequence[Message], subscriptions: Sequence[str]) -> None:
        with self._file:
            rows = (_row(topic, message) for message in messages)
            self._file.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._file.executemany(
                "INSERT INTO deliveries VALUES (?, ?, 1)",
                ((name, int(message.message_id)) for name in subscriptions for message in messages),
            )
        self._published[topic] += len(messages)
        if self._published[topic] >= RETAINED:
            self._prune(topic)

    def settled(self, subscription: str, delivery: Delivery) -> None:
        self._file.execute(
            "DELETE FROM deliveries WHERE subscription = ? AND message = ?",
            (subscription, int(delivery.message.message_id)),
        )
        self._commit_soon()

    def failed(self, subscription: str, delivery: Delivery) -> None:
        self._file.execute(
            "UPDATE deliveries SET attempt = ? WHERE subscription = ? AND message = ?",
            (delivery.attempt, subscription, int(delivery.message.message_id)),
        )
        self._commit_soon()

    def sought(self, subscription: str, messages: Sequence[Message]) -> None:
        with self._file:
            self._file.execute("DELETE FROM deliveries WHERE subscription = ?", (subscription,))
            self._file.executemany(
                "INSERT INTO deliveries VALUES (?, ?, 1)",
                ((subscription, int(message.message_id)) for message in messages),
            )

    def close(self) -> None:
        """Writes what is not on disk yet."""
        self._commit()
        self._file.close()

    def _commit_soon(self) -> None:
        if self._commit_due is None:
            self._commit_due = self._loop.call_later(COMMIT_SECONDS, self._commit)

    def _commit(self) -> None:
        if self._commit_due is not None:
            self._commit_due.cancel()
            self._commit_due = None
        self._file.commit()

    def _prune(self, topic: str) -> None:
        """Forgets what no seek reaches any more and nothing waits for."""
        self._published[topic] = 0
        with self._file:
            self._file.execute(
                "DELETE FROM messages WHERE topic = ?1 AND id < "
                "(SELECT id FROM messages WHERE topic = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2) "
                "AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message = messages.id)",
                (topic, RETAINED),
            )


def _row(topic: str, message: Message) -> tuple[int, str, int, bytes, str, str]:
    published, attributes = to_micros(message.publish_time), json.dumps(dict(message.attributes))
    return int(message.message_id), topic, published, message.data, attributes, message.ordering_key


def _message(serial: int, published: int, data: bytes, attributes: str, ordering_key: str) -> Message:
    return Message(data, json.loads(attributes), ordering_key, str(serial), from_micros(published))
