"""What the tests of the repairing commands share: an event of their own, and counts that must not change.

They add to the chain. test_end_to_end.py counts the sample alone and runs before them: pytest goes by name.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import orjson

from tests.support.chain import Run
from tools.pipeline.flushing import flush
from tools.pipeline.pubsub import PubSub

PATIENCE = 30.0

COUNTS = """
SELECT
  (SELECT COUNT(*) FROM realtime_features_unique) AS unique_features,
  (SELECT COUNT(*) FROM realtime_features_unique WHERE is_late) AS late,
  (SELECT SUM(window_event_count) FROM realtime_features_aggregated_latest) AS in_windows,
  (SELECT SUM(late_event_count) FROM realtime_features_aggregated_latest) AS late_in_windows,
  (SELECT COUNT(*) FROM streaming_errors_unique) AS dead_letters
"""


def counts(run: Run) -> dict[str, object]:
    """All that a replay must leave as it is, after a flush."""
    flush(run.chain.address.functions["aggregate"])
    result = run.warehouse.query(COUNTS)
    return dict(zip(result.columns, result.rows[0], strict=True))


def number(run: Run, sql: str, **parameters: str | datetime) -> int:
    """The one number that the query gives."""
    return int(str(run.warehouse.query(sql, **parameters).rows[0][0]))


def until(reached: Callable[[], bool]) -> None:
    """Looks again and again; an event takes some ten milliseconds through the chain."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def event(**fields: object) -> dict[str, object]:
    """A good event of a location of its own, now; a field of the value `...` is left out."""
    whole = {
        "event_id": f"e-{uuid4().hex}",
        "location_id": f"1-{uuid4().int % 10**9}",
        "event_type": "rating_change",
        "timestamp": datetime.now(UTC).isoformat(),
        "metrics": {"previous_rating": "Good", "new_rating": "Inadequate"},
    } | fields
    return {name: value for name, value in whole.items() if value is not ...}


def publish(run: Run, *events: dict[str, object], topic: str = "events") -> list[str]:
    """The message ids."""
    client = PubSub(run.chain.address.pubsub)
    try:
        return client.publish(run.chain.address.topics[topic], [orjson.dumps(one) for one in events])
    finally:
        client.close()
