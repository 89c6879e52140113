"""What the flush writes besides panes: window features for the online store, and its dead letters. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import orjson

from functions.aggregate.bucket import BucketState, Pane
from functions.aggregate.log_reader import ByLocation, Sorted
from shared.clock import from_micros
from shared.dead_letters.record import MAX_PAYLOAD, DeadLetterRecord
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
    return [*unreadable, *chain.from_iterable(late)]


def too_late_in(buckets: Sequence[BucketState], stamp: Stamp) -> list[DeadLetterRecord]:
    """The events that met a window that is settled without them."""
    late = [_too_late(bucket.key[0], bucket.too_late, stamp) for bucket in buckets if bucket.too_late]
    return list(chain.from_iterable(late))


def _too_late(start: int, events: Sequence[Contribution], stamp: Stamp) -> Iterator[DeadLetterRecord]:
    """`features` holds back what is too late by the same rule: the two disagree about the allowed lateness,
    or it was raised since the window settled."""
    why = (
        f"were logged for the window {_time(start)}, which is settled without them: ALLOWED_LATENESS was "
        "raised since, or features and aggregate differ in it; make it the same, then run "
        "cqc verify-windows --repair"
    )
    return _kept(events, "", why, stamp)


def unreadable_bucket(
    key: Bucket, events: ByLocation, error: Exception, stamp: Stamp
) -> list[DeadLetterRecord]:
    """New events of a bucket that this release can't read: they are in no pane."""
    trouble, advice = f"can't be read ({error})", "deploy the release that wrote it, or "
    return _in_no_pane(key, events, trouble, advice, stamp)


def refused_bucket(key: Bucket, events: ByLocation, error: Exception, stamp: Stamp) -> list[DeadLetterRecord]:
    """New events of a bucket that the database refuses to store: they are in no pane."""
    return _in_no_pane(key, events, f"can't be stored ({error})", "", stamp)


def _in_no_pane(
    key: Bucket, events: ByLocation, trouble: str, advice: str, stamp: Stamp
) -> list[DeadLetterRecord]:
    where = f"bucket {key[1]} of the window {_time(key[0])} {trouble}: "
    why = f"are kept here and are in no pane; {advice}run cqc verify-windows --repair"
    return list(_kept(_events(events), where, why, stamp))


def _kept(events: Sequence[Contribution], where: str, why: str, stamp: Stamp) -> Iterator[DeadLetterRecord]:
    """The events in a record, or in several where one would be too large for Pub/Sub: a page of the log may
    have 150,000 events of one bucket, and what can't be published would stop the flush for good."""
    kept: list[bytes] = []
    size = 0
    for event in events:
        encoded = orjson.dumps(event._asdict() | {"digest": event.digest.hex()})
        if kept and size + len(encoded) > MAX_PAYLOAD:
            yield _record(stamp, f"{where}{len(kept)} events {why}", _array(kept))
            kept, size = [], 0
        kept.append(encoded)
        size += len(encoded) + 1
    yield _record(stamp, f"{where}{len(kept)} events {why}", _array(kept))


def _array(members: Iterable[bytes]) -> bytes:
    return b"[%s]" % b",".join(members)


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


def _bytes(fields: Mapping[str, object]) -> bytes:
    return orjson.dumps(
        {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
    )


def _time(start: int) -> str:
    return f"{from_micros(start):%Y-%m-%dT%H:%M:%SZ}"
