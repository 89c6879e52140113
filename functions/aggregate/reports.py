"""What the flush writes besides panes: window features for the online store, and its dead letters. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import orjson

from functions.aggregate.bucket import BucketState, Pane
from functions.aggregate.log_reader import ByLocation, Sorted
from shared.clock import from_micros
from shared.dead_letters.record import DeadLetterRecord
from shared.errors import ErrorType
from shared.online import WINDOW_FEATURES, OnlineFeatures, Unwritten
from shared.tables.columns import Row
from shared.windows.contribution import Contribution
from shared.windows.state import Bucket

STAGE = "aggregate"
_WINDOW_FEATURES = tuple(WINDOW_FEATURES.items())


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a dead letter was made, and by which release."""

    now: datetime
    pipeline_version: str


def window_features(pane: Pane, row: Row) -> OnlineFeatures:
    """The window's values of a pane and its row.

    Their generate_time is the event time of the window's newest event: a late pane of an older window does
    not overwrite a newer window's values. A microsecond a revision comes on top, so that a flush that was
    overtaken does not overwrite a later pane of the same newest event.
    """
    location_id, start, window, _ = pane
    latest = start if window.latest is None else window.latest
    values = {feature: row[column] for feature, column in _WINDOW_FEATURES}
    return OnlineFeatures(location_id, from_micros(latest + window.revision), values)


def of_page(found: Sorted, stamp: Stamp) -> list[DeadLetterRecord]:
    """What a page of the log has that no window can take."""
    unreadable = [
        _record(
            stamp,
            f"{segment.name} can't be read ({error}): it is kept here and left out",
            _bytes(segment.fields),
        )
        for segment, error in found.unreadable
    ]
    late = [_too_late(start, _events(events), stamp) for start, events in found.too_late.items()]
    return unreadable + late


def too_late_in(buckets: Sequence[BucketState], stamp: Stamp) -> list[DeadLetterRecord]:
    """The events that met a window that is settled without them."""
    return [_too_late(bucket.key[0], bucket.too_late, stamp) for bucket in buckets if bucket.too_late]


def _too_late(start: int, events: Iterable[Contribution], stamp: Stamp) -> DeadLetterRecord:
    """`features` holds back what is too late by the same rule: the two disagree about the allowed
    lateness."""
    found = list(events)
    what = (
        f"{len(found)} events were logged for the window {_time(start)}, which is settled without them: "
        "give features and aggregate the same ALLOWED_LATENESS, then run cqc verify-windows --repair"
    )
    return _record(stamp, what, _payload(found))


def unreadable_bucket(key: Bucket, events: ByLocation, error: Exception, stamp: Stamp) -> DeadLetterRecord:
    """New events of a bucket that this release can't read: they are in no pane."""
    trouble, advice = f"can't be read ({error})", "deploy the release that wrote it, or "
    return _in_no_pane(key, events, trouble, advice, stamp)


def refused_bucket(key: Bucket, events: ByLocation, error: Exception, stamp: Stamp) -> DeadLetterRecord:
    """New events of a bucket that the database refuses to store: they are in no pane."""
    return _in_no_pane(key, events, f"can't be stored ({error})", "", stamp)


def _in_no_pane(key: Bucket, events: ByLocation, trouble: str, advice: str, stamp: Stamp) -> DeadLetterRecord:
    found = _events(events)
    what = (
        f"bucket {key[1]} of the window {_time(key[0])} {trouble}: {len(found)} events are kept here and are "
        f"in no pane; {advice}run cqc verify-windows --repair"
    )
    return _record(stamp, what, _payload(found))


def lost_pane(pane: Pane, row: Row, refusal: Exception, stamp: Stamp) -> DeadLetterRecord:
    """A pane that BigQuery refuses as a row."""
    what = f"pane {pane.window.revision} of the window {_time(pane.start)}: {refusal}"
    return _record(stamp, what, orjson.dumps(row), ErrorType.SINK_REJECTED, pane.location_id)


def unwritten_values(missing: Sequence[Unwritten], stamp: Stamp) -> DeadLetterRecord:
    """Window features that did not reach the online store in a flush: one record for all."""
    whole = Unwritten(
        count=sum(part.count for part in missing),
        since=min(part.since for part in missing),
        until=max(part.until for part in missing),
        reason=missing[0].reason,
    )
    return _record(stamp, f"window features: {whole}", b"", ErrorType.FEATURE_STORE_WRITE_FAILED)


def _record(
    stamp: Stamp,
    what: str,
    payload: bytes,
    error_type: ErrorType = ErrorType.UNEXPECTED_ERROR,
    location_id: str | None = None,
) -> DeadLetterRecord:
    return DeadLetterRecord(
        error_type=error_type,
        error_message=what,
        stage=STAGE,
        location_id=location_id,
        payload=payload,
        error_timestamp=stamp.now,
        pipeline_version=stamp.pipeline_version,
    )


def _events(events: ByLocation) -> list[Contribution]:
    return list(chain.from_iterable(events.values()))


def _payload(events: Sequence[Contribution]) -> bytes:
    return orjson.dumps([event._asdict() | {"digest": event.digest.hex()} for event in events])


def _bytes(fields: Mapping[str, object]) -> bytes:
    return orjson.dumps(
        {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
    )


def _time(start: int) -> str:
    return f"{from_micros(start):%Y-%m-%dT%H:%M:%SZ}"
