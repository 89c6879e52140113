"""A service that is down costs retries and nothing else: 503 during the outage, 204 after it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import orjson

from tests.entrypoints.deliveries import new_id, parsed, push, raw
from tests.entrypoints.servers import Servers
from tests.support.polling import until


@contextmanager
def down(servers: Servers, *names: str) -> Iterator[None]:
    """These stand-ins are down inside the block, and up again, empty, after it."""
    servers.stop(*names)
    try:
        yield
    finally:
        servers.start(*names)


def good(make: Callable[..., dict[str, object]], **fields: object) -> bytes:
    return push(orjson.dumps(make(new_id("event"), **fields)), new_id("message"))


def statuses(servers: Servers, *requests: tuple[str, bytes]) -> list[int]:
    """Sends these requests (function and body) at the same time."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return [answer.status for answer in pool.map(lambda request: servers.post(*request), requests)]


def recovers(servers: Servers, function: str, request: bytes, status: int = 204) -> None:
    until(
        lambda: servers.post(function, request),
        f"{function} to recover",
        lambda answer: answer.status == status,
    )


def test_without_pub_sub_and_firestore_events_and_dead_letters_wait(servers: Servers) -> None:
    bad = push(b"not json", new_id("message"))
    requests = [("parse", good(raw)), ("features", good(parsed)), ("parse", bad), ("features", bad)]
    with down(servers, "pubsub", "firestore"):
        assert statuses(servers, *requests) == [503] * 4
    for function, request in requests:
        recovers(servers, function, request)


def test_without_bigquery_rows_panes_and_errors_wait(servers: Servers) -> None:
    assert servers.post("features", good(parsed)).status == 204
    requests = [
        ("features", good(parsed)),
        ("deadletter", push(b"{}", new_id("message"))),
        ("aggregate", b""),
    ]
    with down(servers, "bigquery"):
        assert statuses(servers, *requests) == [503] * 3
    event_id, message_id = new_id("event"), new_id("message")
    recovers(servers, "features", push(orjson.dumps(parsed(event_id)), "message"))
    recovers(servers, "deadletter", push(b"{}", message_id))
    recovers(servers, "aggregate", b"", 200)
    assert servers.rows("realtime_features_unique", f"event_id = '{event_id}'", "is_late") == [(False,)]
    found = servers.rows("streaming_errors", f"event_id = '{message_id}'", "stage")
    assert {row[0] for row in found} == {"deadletter"}


def test_without_the_feature_store_an_event_is_204_and_a_record_says_how_to_heal(servers: Servers) -> None:
    event_id, location = new_id("event"), new_id("location")
    data = orjson.dumps(parsed(event_id, location_id=location))
    with down(servers, "feature-store"):
        assert servers.post("features", push(data, "message")).status == 204
    record, _ = servers.dead_letters.find("feature_store_write_failed", "error_type")
    assert "heal them with cqc heal-online --from " in str(record["error_message"])
    newer = good(parsed, location_id=location)

    def is_served() -> bool:
        return servers.post("features", newer).status == 204 and bool(servers.online(location))

    until(is_served, "the feature store to take values again")
