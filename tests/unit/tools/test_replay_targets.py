"""What a replay asks of a topic: requests that Pub/Sub takes, each event on its own topic and by itself."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.pubsub_v1.types import PublishRequest, PublishResponse

from tools.pipeline.pubsub import PubSub
from tools.replay.items import Item, Stage
from tools.replay.targets import TopicTarget

_Request, _Response = PublishRequest.pb(), PublishResponse.pb()
TOPICS: dict[Stage, str] = {"parse": "projects/p/topics/events", "features": "projects/p/topics/parsed"}


class Topics:
    """Pub/Sub: refuses a request that has a bad message, or more bytes than it takes."""

    def __init__(self) -> None:
        self.published: list[tuple[str, list[bytes]]] = []

    def publish(self, request: Any, context: grpc.ServicerContext) -> Any:
        data = [message.data for message in request.messages]
        if b"bad" in data or sum(map(len, data)) > 10_000_000:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
        self.published.append((request.topic, data))
        return _Response(message_ids=[str(number) for number in range(len(data))])


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def target(topics: Topics) -> Iterator[TopicTarget]:
    publish = grpc.unary_unary_rpc_method_handler(
        topics.publish, _Request.FromString, _Response.SerializeToString
    )
    options = [("grpc.max_receive_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(1), options=options)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": publish}),)
    )
    pubsub = PubSub(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    yield TopicTarget(pubsub, TOPICS)
    pubsub.close()
    server.stop(None)


def item(data: bytes, stage: Stage = "parse") -> Item:
    return Item(data, {}, "e", stage, "file:1")


def test_events_of_both_functions_go_to_the_topic_of_each_in_order(
    topics: Topics, target: TopicTarget
) -> None:
    target.send([item(b"1"), item(b"2"), item(b"3", "features"), item(b"4")])
    events, parsed = TOPICS["parse"], TOPICS["features"]
    assert topics.published == [(events, [b"1", b"2"]), (parsed, [b"3"]), (events, [b"4"])]


def test_large_events_go_in_several_requests(topics: Topics, target: TopicTarget) -> None:
    sent = target.send([item(b"x" * 4_000_000) for _ in range(7)])
    assert [each.problem for each in sent] == [None] * 7
    assert [len(data) for _, data in topics.published] == [2, 2, 2, 1]


def test_a_message_that_pub_sub_refuses_fails_alone(topics: Topics, target: TopicTarget) -> None:
    sent = target.send([item(b"1"), item(b"bad"), item(b"2")])
    assert [each.problem is None for each in sent] == [True, False, True]
    assert [data for _, data in topics.published] == [[b"1"], [b"2"]]
