"""The tools' Pub/Sub client beside another of the same process."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.pubsub_v1.types import PublishRequest, PublishResponse

from tools.errors import CommandError
from tools.pipeline.pubsub import PubSub

_Request, _Response = PublishRequest.pb(), PublishResponse.pb()


def accepting() -> grpc.Server:
    """A Pub/Sub that takes everything."""
    publish = grpc.unary_unary_rpc_method_handler(_publish, _Request.FromString, _Response.SerializeToString)
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": publish}),)
    )
    return server


def _publish(request: Any, _: grpc.ServicerContext) -> Any:
    return _Response(message_ids=["1"] * len(request.messages))


def test_a_new_client_does_not_wait_with_an_older_one_that_found_nobody() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    older, newer = PubSub(endpoint), PubSub(endpoint)
    server = accepting()
    try:
        with pytest.raises(CommandError, match="is the chain still running"):
            older.publish("projects/p/topics/t", [b"x"])
        server.add_insecure_port(endpoint)
        server.start()
        assert newer.publish("projects/p/topics/t", [b"x"]) == ["1"]
    finally:
        older.close()
        newer.close()
        server.stop(None)
