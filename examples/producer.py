"""Sends one event: `PROJECT_ID=my-project python examples/producer.py`; needs google-cloud-pubsub."""

import json
import os
from datetime import UTC, datetime
from uuid import uuid4

from google.cloud.pubsub_v1 import PublisherClient

publisher = PublisherClient()
topic = publisher.topic_path(os.environ["PROJECT_ID"], "dashboard-events")
event = {
    "event_id": str(uuid4()),  # the same id again is the same event: a retry counts once
    "location_id": "1-466088203",
    "event_type": "rating_change",
    "timestamp": datetime.now(UTC).isoformat(),
    "metrics": {"previous_rating": "Good", "new_rating": "Requires improvement"},
}
publisher.publish(topic, json.dumps(event).encode()).result(timeout=30)  # raises unless it is published
print(event["event_id"])  # noqa: T201 - what the example is for
