"""A heartbeat through the real servers: on through `parse`, logged by `features`, in no table."""

import orjson

from shared.message import HEARTBEAT_ATTRIBUTE, HEARTBEAT_DATA, PROBE_ATTRIBUTE
from tests.entrypoints.deliveries import push
from tests.entrypoints.server import Answer
from tests.entrypoints.servers import Servers

DONE = Answer(204, "")


def test_a_heartbeat_goes_through_the_chain_and_leaves_only_its_latency(servers: Servers) -> None:
    sent = {HEARTBEAT_ATTRIBUTE: "scheduled", PROBE_ATTRIBUTE: "probe-1"}
    assert servers.post("parse", push(HEARTBEAT_DATA, "m", sent)) == DONE
    _, attributes = servers.parsed.find("heartbeat")
    assert servers.post("features", push(HEARTBEAT_DATA, "m", attributes)) == DONE
    lines = map(orjson.loads, servers.log("features").splitlines())
    (line,) = [line for line in lines if line.get("event") == "heartbeat_received"]
    assert 0 <= line["counts"]["latency_seconds"] < 60
    assert line["event_id"] == "probe-1"
    assert servers.rows("realtime_features", "event_id = 'heartbeat'", "event_id") == []
    assert servers.rows("streaming_errors", "event_id = 'heartbeat'", "event_id") == []
