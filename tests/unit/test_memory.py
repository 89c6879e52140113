"""A process keeps nothing of the events that it has handled: an instance lives for hours, at 1,000/s."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from functions.features.writing import Item, item_of
from shared.events import encode as encode_event
from shared.gcp.feature_store_encoding import EntityEncoder
from shared.gcp.pubsub_messages import PublishRequest
from shared.tables.columns import REALTIME_FEATURES
from shared.tables.rows import encode as encode_row
from shared.windows import segment
from tests.support.fresh_python import printed_by
from tests.unit.builders import event, message

BATCH, BATCHES = 40, 250
LONDON = ZoneInfo("Europe/London")
STATUS = Path("/proc/self/status")
PATH = "from tests.unit.test_memory import growth; print(growth())"


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells what a process has in memory now")
def test_what_events_are_encoded_with_does_not_grow() -> None:
    """A protobuf message keeps the memory of all values that it ever had."""
    (grown,) = printed_by(PATH, dict(os.environ))
    assert float(grown) < 2


def growth() -> float:
    """MiB that 10,000 events add, after as many that warmed the process up."""
    metrics = {"previous_rating": "good", "new_rating": "requires improvement", "changed_areas": ["safe"]}
    events = [event("rating_change", metrics, location_id=f"1-{number}") for number in range(BATCH)]
    items = [item_of(message(encode_event(event)), LONDON) for event in events]
    encoder = EntityEncoder()
    _encode(items, encoder)
    before = _resident()
    _encode(items, encoder)
    return _resident() - before


def _encode(items: Sequence[Item], encoder: EntityEncoder) -> None:
    for _ in range(BATCHES):
        request = PublishRequest(topic="projects/p/topics/t")
        for item in items:
            request.messages.add(data=encode_row(REALTIME_FEATURES, item.row | {"pipeline_version": "1.0"}))
            encoder.encode(item.online.location_id, [item.online])
        request.SerializeToString()
        segment.encode([item.contribution for item in items])


def _resident() -> float:
    """What the process has in memory now, in MiB."""
    kibibytes = re.findall(r"VmRSS:\s+(\d+) kB", STATUS.read_text())
    return int(kibibytes[0]) / 1024
