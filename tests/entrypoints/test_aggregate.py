"""`aggregate` through functions-framework: a tick in, a summary out."""

import orjson
import pytest

from tests.entrypoints.deliveries import new_id, parsed, push
from tests.entrypoints.server import Answer
from tests.entrypoints.servers import Servers


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"\xff"])
def test_a_post_flushes_whatever_its_body_is(servers: Servers, body: bytes) -> None:
    location, event_id = new_id("location"), new_id("event")
    event = orjson.dumps(parsed(event_id, location_id=location))
    assert servers.post("features", push(event, "message")) == Answer(204, "")
    answer = servers.post("aggregate", body)
    assert answer.status == 200
    summary = orjson.loads(answer.text)
    assert summary["shard"] == "all"
    assert summary["events_folded"] >= 1
    panes = servers.rows(
        "realtime_features_aggregated", f"location_id = '{location}'", "revision", "window_event_count"
    )
    assert panes == [(1, 1)]
    assert servers.online(location)["window_event_count"] == 1


def test_a_get_is_405_and_says_to_send_a_post(servers: Servers) -> None:
    answer = servers.server("aggregate").get()
    assert answer.status == 405
    assert "send a POST" in answer.text
    assert servers.post("aggregate", b"").status == 200


def test_a_tick_may_name_its_shard(servers: Servers) -> None:
    """The chain has one, 0; each job of the schedule has its own. Its answer and its log line name it."""
    location, event_id = new_id("location"), new_id("event")
    event = orjson.dumps(parsed(event_id, location_id=location))
    assert servers.post("features", push(event, "message")) == Answer(204, "")
    another = servers.post("aggregate", b"", query="?shard=5")
    assert another.status == 200
    assert {"shard": 5, "events_folded": 0}.items() <= orjson.loads(another.text).items()
    own = servers.post("aggregate", b"", query="?shard=0")
    assert own.status == 200
    assert orjson.loads(own.text)["events_folded"] >= 1
    lines = [orjson.loads(line) for line in servers.log("aggregate").splitlines() if "flush_finished" in line]
    assert [line["counts"]["shard"] for line in lines[-2:]] == [5, 0]


@pytest.mark.parametrize("shard", ["", "-1", "1.5", "true", "%D9%A3", "9" * 20])
def test_a_shard_that_is_not_a_number_from_0_on_is_400_and_says_so(servers: Servers, shard: str) -> None:
    answer = servers.post("aggregate", b"", query=f"?shard={shard}")
    assert answer.status == 400
    assert "shard must be a number from 0 on, like ?shard=0" in answer.text
