"""What the tests of the repair commands share: unique events, and counts that must not change."""

from datetime import UTC, datetime
from uuid import uuid4

import orjson

from tests.support.chain import Run
from tests.support.polling import until
from tools.pipeline.flushing import flush
from tools.pipeline.pubsub import PubSub

ROWS_OF = "SELECT COUNT(*) FROM realtime_features WHERE event_id = @event_id"
FAILURES_OF = "SELECT COUNT(*) FROM streaming_errors WHERE event_id = @event_id"

COUNTS = """
SELECT
  (SELECT COUNT(*) FROM realtime_features_unique) AS unique_features,
  (SELECT COUNT(*) FROM realtime_features_unique WHERE is_late) AS late,
  (SELECT SUM(window_event_count) FROM realtime_features_aggregated_latest) AS in_windows,
  (SELECT SUM(late_event_count) FROM realtime_features_aggregated_latest) AS late_in_windows,
  (SELECT COUNT(*) FROM streaming_errors_unique) AS dead_letters
"""


def counts(run: Run) -> dict[str, object]:
    """Everything that a replay must not change, after a flush."""
    flush(run.chain.address.functions["aggregate"])
    result = run.warehouse.query(COUNTS)
    return dict(zip(result.columns, result.rows[0], strict=True))


def number(run: Run, sql: str, **parameters: str | datetime) -> int:
    """The single number that the query returns."""
    return int(str(run.warehouse.query(sql, **parameters).rows[0][0]))


def until_number(run: Run, expected: int, sql: str, **parameters: str) -> None:
    until(lambda: number(run, sql, **parameters), f"{expected} by {sql}", lambda found: found == expected)


def event(**fields: object) -> dict[str, object]:
    """A good event of a unique location, now; a field with the value `...` is left out."""
    whole = {
        "event_id": f"e-{uuid4().hex}",
        "location_id": f"1-{uuid4().int % 10**9}",
        "event_type": "rating_change",
        "timestamp": datetime.now(UTC).isoformat(),
        "metrics": {"previous_rating": "Good", "new_rating": "Inadequate"},
    } | fields
    return {name: value for name, value in whole.items() if value is not ...}


def publish(run: Run, *events: dict[str, object], topic: str = "events") -> list[str]:
    """Returns the message ids."""
    client = PubSub(run.chain.address.pubsub)
    try:
        return client.publish(run.chain.address.topics[topic], [orjson.dumps(fields) for fields in events])
    finally:
        client.close()
