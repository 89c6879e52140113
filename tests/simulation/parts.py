"""What histories are made of: messages, settings, instances of `features`, and very small limits."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import orjson

from functions.aggregate import bucket, log_reader, planning, session
from functions.features.writing import FeatureWriter
from shared.message import Message
from shared.settings import AggregateSettings, FeaturesSettings
from shared.windows import log, state
from tests.simulation.plan import Publication
from tests.support.faults import Faults

BEGIN = datetime(2026, 6, 1, 12, tzinfo=UTC)


LIMITS = (
    (log_reader, "MAX_EVENTS", (1, 6)),
    (log_reader, "LISTED", (1, 3)),
    (planning, "GROUP", (1, 3)),
    (planning, "GROUP_EVENTS", (1, 6)),
    (session, "MAX_WRITES", (1, 3)),
    (session, "MAX_COMMIT_BYTES", (600, 2_000)),
    (bucket, "CHUNK", (1, 4)),
    (bucket, "MAX_ENTRIES", (50, 600)),
    (log, "MAX_EVENTS", (1, 3)),
    (state, "LOCATIONS_A_BUCKET", (1, 3)),
    (state, "EVENTS_A_BUCKET", (1, 6)),
)
"""Where it stands, its name, and what it may be in a history with small limits."""


@cache
def features_settings(lateness: int, batch: int) -> FeaturesSettings:
    """`batch` is how many events make a full one, which goes beside another in flight."""
    return FeaturesSettings(
        project_id="p", allowed_lateness=timedelta(seconds=lateness), batch_max_events=batch
    )


@cache
def flush_settings(lateness: int, shards: int) -> AggregateSettings:
    return AggregateSettings(
        project_id="p", allowed_lateness=timedelta(seconds=lateness), flush_shards=shards
    )


@dataclass
class Instance:
    """A running `features`; one that has died is deaf for good."""

    writer: FeatureWriter
    faults: list[Faults]

    def die(self) -> None:
        for fault in self.faults:
            fault.running.clear()


def event_time(publication: Publication) -> datetime:
    return BEGIN + timedelta(seconds=publication.at - publication.age)


def message_of(publication: Publication) -> Message:
    published = BEGIN + timedelta(seconds=publication.at)
    metrics = {"page_views": publication.value, "inspector_count": publication.value}
    fields = {
        "event_id": publication.event_id,
        "location_id": publication.location_id,
        "event_type": publication.event_type,
        "event_timestamp": event_time(publication),
        "publish_timestamp": published,
        "processing_timestamp": published,
        "pipeline_version": "1",
        "metrics": metrics,
    }
    return Message(orjson.dumps(fields), publication.event_id, {}, published, "s", None)
