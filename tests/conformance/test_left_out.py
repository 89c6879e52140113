"""What a stand-in leaves out it refuses in a sentence, so that nobody takes its answer for the service's."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.api_core.exceptions import MethodNotImplemented
from google.cloud.firestore import SERVER_TIMESTAMP, AsyncClient, AsyncCollectionReference

from tests.conformance.backends import Backend, Kind
from tests.conformance.pubsub import connected
from tools.standins import firestore, pubsub
from tools.standins.status import ELSEWHERE

Ask = Callable[[AsyncCollectionReference], Awaitable[Any]]

EXISTS = AsyncClient.write_option(exists=True)
LEFT_OUT: list[tuple[str, Ask]] = [
    ("/google.firestore.v1.Firestore/RunAggregationQuery", lambda c: c.count().get()),  # type: ignore[no-untyped-call]
    ("select in a StructuredQuery", lambda c: c.order_by("__name__").select(["a"]).get()),
    ("offset in a StructuredQuery", lambda c: c.order_by("__name__").offset(1).get()),
    ("before in a Cursor", lambda c: c.order_by("__name__").start_at({"__name__": c.document("a")}).get()),
    ("another order than by __name__, ascending", lambda c: c.order_by("a").get()),
    ("mask in a BatchGetDocumentsRequest", lambda c: c.document("a").get(["a"])),
    ("update_mask in a Write", lambda c: c.document("a").set({"a": 1}, merge=True)),
    ("update_transforms in a Write", lambda c: c.document("a").set({"a": SERVER_TIMESTAMP})),
    ("map_value in a document", lambda c: c.document("a").set({"a": {"b": 1}})),
    ("the precondition that a document exists", lambda c: c.document("a").delete(option=EXISTS)),
]


@pytest.mark.parametrize(("what", "ask"), LEFT_OUT, ids=[what for what, _ in LEFT_OUT])
async def test_firestore_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, what: str, ask: Ask
) -> None:
    async with firestore.serve() as endpoint:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", endpoint.address)
        with pytest.raises(MethodNotImplemented) as refused:
            await ask(AsyncClient(project="conformance").collection("c"))
    assert refused.value.message == f"the stand-in does not support {what}: {ELSEWHERE}"


async def test_pubsub_says_what_it_leaves_out() -> None:
    async with pubsub.serve() as endpoint, connected(Backend(Kind.STAND_IN, endpoint.address)) as clients:
        topic = await clients.topic()
        with pytest.raises(MethodNotImplemented, match=r"does not support .*Publisher/DeleteTopic: "):
            await clients.publisher.delete_topic(topic=topic)
        name = (await clients.subscription(topic)).name
        with pytest.raises(MethodNotImplemented, match="does not support snapshots: "):
            await clients.subscriber.seek(request={"subscription": name, "snapshot": "snapshot"})
        with pytest.raises(MethodNotImplemented, match="does not support filter in a Subscription: "):
            await clients.subscription(topic, filter="attributes:x")
