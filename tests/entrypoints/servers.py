"""Every stand-in and function as a process; messages that reached Pub/Sub can be found by their event."""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import orjson
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from shared.topology import FUNCTIONS
from tests.entrypoints.server import BOUND, JSON, Answer, Server
from tests.support.polling import until
from tools.local.parts import PartsKind, address, all_parts
from tools.local.ports import allot
from tools.local.process import Process, stop_all
from tools.local.readiness import accepts
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.online_store import OnlineStore, Scalar
from tools.pipeline.warehouse import Warehouse

_PORTS = {"bigquery": ("bigquery", "bigquery-storage")}


class Inbox:
    """A pull subscription to one topic; keeps what it has seen."""

    def __init__(self, endpoint: str, topic: str) -> None:
        self._topic = topic
        self._name = topic.replace("/topics/", "/subscriptions/") + "-test"
        self._endpoint = endpoint
        self._seen: list[tuple[Mapping[str, object], Mapping[str, str]]] = []

    def create(self) -> None:
        with grpc.insecure_channel(self._endpoint) as channel:
            PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=self._topic)
            SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)).create_subscription(
                name=self._name, topic=self._topic
            )

    def find(self, value: str, field: str = "event_id") -> tuple[Mapping[str, object], Mapping[str, str]]:
        """The message (its JSON and its attributes) with this value, an event's id; waits for it."""
        end = time.monotonic() + BOUND
        while time.monotonic() < end:
            for message, attributes in self._seen:
                if message[field] == value:
                    return message, attributes
            self._pull()
        raise AssertionError(f"no message with {field} {value} on {self._topic}")

    def count(self, event_id: str) -> int:
        """How many messages of this event have been seen."""
        return sum(message["event_id"] == event_id for message, _ in self._seen)

    def _pull(self) -> None:
        # A thousand messages, some of 10 MB, are more than gRPC takes unasked.
        with grpc.insecure_channel(self._endpoint, [("grpc.max_receive_message_length", -1)]) as channel:
            client = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
            received = client.pull(
                subscription=self._name, max_messages=1_000, timeout=BOUND
            ).received_messages
            if received:
                client.acknowledge(
                    subscription=self._name, ack_ids=[delivery.ack_id for delivery in received]
                )
        self._seen += [
            (orjson.loads(delivery.message.data), dict(delivery.message.attributes)) for delivery in received
        ]


class Servers:
    """Starts every process, and on leaving ends them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = allot(0)
        self.chain = address(self._ports)
        self._parts = {part.name: part for part in all_parts(PartsKind.STAND_IN, self._ports, self.chain)}
        self._processes: dict[str, Process] = {}
        self.parsed = Inbox(self.chain.pubsub, self.chain.topics["parsed"])
        self.dead_letters = Inbox(self.chain.pubsub, self.chain.topics["dead_letter"])

    def __enter__(self) -> Self:
        try:
            self.start(*self._parts)
        except BaseException:
            stop_all(self._processes.values())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all(self._processes.values())

    def start(self, *names: str) -> None:
        """Starts these parts and creates the topics and tables that they need: a stand-in starts empty."""
        for name in names:
            log = self._folder / f"{name}-{time.monotonic_ns()}.log"
            self._processes[name] = Process(self._parts[name], log)
        for name in names:
            until(partial(self._is_ready, name), f"{name} to be ready")
        if "pubsub" in names:
            self.parsed.create()
            self.dead_letters.create()
        if "bigquery" in names:
            self.warehouse.create()

    def stop(self, *names: str) -> None:
        """Ends these parts without waiting for their work in progress, as an outage does."""
        stop_all([self._processes.pop(name) for name in names], grace=0)

    def log(self, name: str) -> str:
        """All that a running part has written."""
        return self._processes[name].log.read_text()

    def server(self, function: str) -> Server:
        """As it runs now: a function that is started again has another."""
        return Server(function, self._processes[function].pid, self._ports[function])

    def _is_ready(self, name: str) -> bool:
        self._processes[name].check()
        if name in FUNCTIONS:
            return self.server(name).serves()
        return all(accepts(self._ports[port]) for port in _PORTS.get(name, (name,)))

    def post(self, function: str, body: bytes, headers: Mapping[str, str] = JSON, query: str = "") -> Answer:
        """Sends a request as Pub/Sub does."""
        return self.server(function).post(body, headers, query)

    @cached_property
    def warehouse(self) -> Warehouse:
        return connect_warehouse(self.chain)

    def rows(self, table: str, where: str, *columns: str) -> Sequence[Sequence[object]]:
        """These columns of the table's rows for which GoogleSQL's `where` holds."""
        return self.warehouse.query(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}").rows

    def online(self, location_id: str) -> dict[str, Scalar]:
        """What the online store serves for a location."""
        store = OnlineStore(self.chain.feature_store, self.chain.feature_view)
        return {value.name: value.value for value in store.fetch(location_id)}
