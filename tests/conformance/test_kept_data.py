"""A stand-in with --data that gets SIGKILL comes back with all that it answered."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.cloud.firestore import AsyncClient
from google.pubsub_v1.types import PushConfig

from shared.gcp.firestore import FirestoreDocuments
from shared.windows.documents import Conflict, Write
from tests.conformance.backends import keeping, killed_at_the_end
from tests.conformance.pubsub import QUICK_RETRY, PubSub, connected
from tests.conformance.push_endpoint import PushEndpoint, push_endpoint

HOUR = timedelta(hours=1)


@asynccontextmanager
async def pubsub_on(data: Path) -> AsyncIterator[PubSub]:
    with keeping("pubsub", data) as backend:
        async with connected(backend) as clients:
            yield clients


async def write(pubsub: PubSub) -> None:
    """Acknowledgements and attempts so far are on disk with the next message, or a moment later."""
    await pubsub.publish(await pubsub.topic(), b"with it")


async def test_what_was_published_is_delivered_by_the_next_process(tmp_path: Path) -> None:
    async with pubsub_on(tmp_path / "data") as pubsub:
        topic = await pubsub.topic()
        subscription = (await pubsub.subscription(topic)).name
        first = await pubsub.publish(topic, b"1", attributes={"kept": "too"}, ordering_key="key")
        before = await pubsub.pull(subscription)
    async with pubsub_on(tmp_path / "data") as pubsub:
        again = await pubsub.pull(subscription)
        second = await pubsub.publish(topic, b"2")
        assert (await pubsub.pull(subscription)).message.data == b"2"
    assert again.message == before.message
    assert [again.message.message_id] == list(first)
    assert int(second[0]) > int(first[0])


async def test_what_was_acknowledged_stays_so_and_a_seek_finds_it(tmp_path: Path) -> None:
    async with pubsub_on(tmp_path / "data") as pubsub:
        topic = await pubsub.topic()
        subscription = (await pubsub.subscription(topic)).name
        await pubsub.publish(topic, b"done")
        await pubsub.acknowledge(subscription, await pubsub.pull(subscription))
        await write(pubsub)
    async with pubsub_on(tmp_path / "data") as pubsub:
        assert not await pubsub.glance(subscription)
        await pubsub.subscriber.seek(request={"subscription": subscription, "time": datetime.now(UTC) - HOUR})
    async with pubsub_on(tmp_path / "data") as pubsub:
        assert (await pubsub.pull(subscription)).message.data == b"done"


async def test_a_push_subscription_waits_for_its_endpoint(tmp_path: Path, endpoint: PushEndpoint) -> None:
    async def refuse(_: object) -> int:
        return 503

    endpoint.answer = refuse
    async with pubsub_on(tmp_path / "data") as pubsub:
        topic = await pubsub.topic()
        dead = {"dead_letter_topic": await pubsub.topic(), "max_delivery_attempts": 100}
        made = await pubsub.push_subscription(
            topic, endpoint.url, retry_policy=QUICK_RETRY, dead_letter_policy=dead
        )
        await pubsub.publish(topic, b"1")
        await endpoint.until(lambda: len(endpoint.deliveries) >= 3)
        await write(pubsub)
    before = len(endpoint.deliveries)
    async with pubsub_on(tmp_path / "data") as pubsub, push_endpoint() as other:
        assert (await pubsub.subscriber.get_subscription(subscription=made.name)) == made
        await pubsub.publish(topic, b"2")
        moved = PushConfig(push_endpoint=other.url)
        await pubsub.subscriber.modify_push_config(subscription=made.name, push_config=moved)
        await other.until(lambda: len(other.deliveries) == 2)
        assert {delivery.data for delivery in other.deliveries} == {b"1", b"2"}
        assert other.of(b"1")[0].body["deliveryAttempt"] > 2
        assert (await pubsub.subscriber.get_subscription(subscription=made.name)).push_config == moved
    assert len(endpoint.deliveries) == before, "its port may be another program's by now"


async def test_a_subscription_that_was_deleted_stays_so(tmp_path: Path) -> None:
    async with pubsub_on(tmp_path / "data") as pubsub:
        topic = await pubsub.topic()
        stays = (await pubsub.subscription(topic)).name
        gone = (await pubsub.subscription(topic)).name
        await pubsub.publish(topic, b"1")
        await pubsub.subscriber.delete_subscription(subscription=gone)
    async with pubsub_on(tmp_path / "data") as pubsub:
        with pytest.raises(NotFound):
            await pubsub.glance(gone)
        assert (await pubsub.pull(stays)).message.data == b"1"


async def test_documents_and_their_versions_outlive_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def started() -> AsyncIterator[FirestoreDocuments]:
        with keeping("firestore", tmp_path / "data") as backend:
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", backend.address)
            documents = FirestoreDocuments("kept", "(default)")
            yield documents
            await documents.close()

    async with started() as documents:
        await documents.commit([Write("c/kept", {"n": 1, "b": b"x"}), Write("c/gone", {"n": 2})])
        await AsyncClient(project="kept").document("c/gone").delete()
        before = await documents.list("c", "", 9)
    async with started() as documents:
        assert await documents.list("c", "", 9) == before
        assert [document.name for document in before] == ["c/kept"]
        await documents.commit([Write("c/kept", {"n": 3}, before[0].version)])
        with pytest.raises(Conflict):
            await documents.commit([Write("c/kept", {"n": 4}, before[0].version)])


def test_a_file_of_another_release_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "data") as file:
        file.executescript("CREATE TABLE documents (name TEXT); PRAGMA user_version = 99;")
    file.close()
    with killed_at_the_end("firestore", 0, "--data", str(tmp_path / "data")) as process:
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert complaint == (
        f"the data in {tmp_path}/data is of another release: delete it to begin without, or name another\n"
    )


@pytest.mark.parametrize("name", ["pubsub", "firestore", "feature_store"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").write_text("something else" * 1_000)
    with killed_at_the_end(name, 0, "--data", str(tmp_path / "data")) as process:
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert complaint.startswith(f"the data in {tmp_path}/data can't be used (file is not a database): delete")
    assert complaint.count("\n") == 1


def test_a_file_that_another_process_has_is_refused(tmp_path: Path) -> None:
    with (
        keeping("feature_store", tmp_path / "data"),
        killed_at_the_end("feature_store", 0, "--data", str(tmp_path / "data")) as process,
    ):
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert complaint.startswith(f"the data in {tmp_path}/data can't be used (database is locked)")
