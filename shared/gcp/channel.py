"""The one choice that the adapters share: the real service, or the local one that a variable names."""

import os
from typing import Protocol, TypeVar

import grpc.aio

T_co = TypeVar("T_co", covariant=True)

_LOCAL_OPTIONS = (
    # gRPC's own limit for what it receives is 4 MB; a batch of rows or a page of documents is larger.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)


class TransportClass(Protocol[T_co]):
    """A Google client's `…GrpcAsyncIOTransport`: called with a channel, or alone for the real service."""

    def __call__(self, *, channel: grpc.aio.Channel | None = None) -> T_co: ...


def open_transport(transport: TransportClass[T_co], variable: str) -> T_co:
    """A transport in the running loop: insecure to the host:port in the environment's `variable`, if set.

    Opening finds the credentials, which may ask the metadata server, but connects to nothing yet.
    """
    endpoint = os.environ.get(variable)
    if endpoint:
        return transport(channel=grpc.aio.insecure_channel(endpoint, options=_LOCAL_OPTIONS))
    return transport()
