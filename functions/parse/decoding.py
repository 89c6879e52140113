"""What producers send becomes an Event, or a Reject that says why. Pure: the time is passed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from shared.errors import ErrorType, Reject
from shared.events import METRICS, Event, parse_time, validate
from shared.message import Message

_FIELDS = frozenset({"event_id", "location_id", "event_type", "timestamp", "metrics"})
_METRIC_FIELDS = {kind: frozenset(model.model_fields) for kind, model in METRICS.items()}


@dataclass(frozen=True, slots=True)
class Decoder:
    """The rules that a deployment sets."""

    pipeline_version: str
    max_event_bytes: int
    max_future: timedelta

    def decode(self, message: Message, now: datetime) -> tuple[Event, list[str]]:
        """The event, and the names of its fields that no feature uses; raises Reject."""
        raw = self._json_object(message.data)
        fields: dict[str, object] = {
            name: raw[name] for name in ("location_id", "event_type", "metrics") if name in raw
        }
        fields |= {
            "event_id": identity(raw, message),
            "event_timestamp": self._event_time(raw, now),
            "publish_timestamp": message.publish_time,
            "processing_timestamp": now,
            "pipeline_version": self.pipeline_version,
        }
        return validate(fields), _unknown(raw)

    def _json_object(self, data: bytes) -> Mapping[str, object]:
        if len(data) > self.max_event_bytes:
            size = f"the event has {len(data)} bytes, the limit is {self.max_event_bytes} (MAX_EVENT_BYTES)"
            raise Reject(ErrorType.PAYLOAD_TOO_LARGE, size)
        try:
            raw = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            what = f"not JSON: {error}" if data else "the message is empty"
            raise Reject(ErrorType.JSON_PARSE_ERROR, what) from None
        if not isinstance(raw, dict):
            raise Reject(ErrorType.SCHEMA_ERROR, f"expected a JSON object, got {type(raw).__name__}")
        return raw

    def _event_time(self, raw: Mapping[str, object], now: datetime) -> datetime:
        text = raw.get("timestamp")
        if not isinstance(text, str) or not text:
            what = "is missing" if text is None or text == "" else f"is {type(text).__name__}"
            raise Reject(ErrorType.SCHEMA_ERROR, f"timestamp: {what}, expected ISO 8601 text with an offset")
        try:
            moment = parse_time(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Reject(ErrorType.INVALID_TIMESTAMP, f"timestamp {text[:64]!r}: {error}") from None
        if moment > now + self.max_future:
            ahead = f"timestamp {text[:64]!r} is {moment - now} ahead of now, more than {self.max_future}"
            raise Reject(ErrorType.TIMESTAMP_OUT_OF_RANGE, ahead)
        return moment


def identity(raw: Mapping[str, object], message: Message) -> object:
    """The producer's own event_id where there is one, else the id of its first Pub/Sub message.

    An empty or null event_id identifies nothing and counts as absent.
    """
    own = raw.get("event_id")
    return message.original_id if own is None or own == "" else own


def _unknown(raw: Mapping[str, object]) -> list[str]:
    kind, metrics = raw["event_type"], raw["metrics"]
    known = _METRIC_FIELDS.get(kind) if isinstance(kind, str) else None
    extra = [] if raw.keys() <= _FIELDS else [f"{kind}.{name}" for name in raw.keys() - _FIELDS]
    if known is not None and isinstance(metrics, dict) and not metrics.keys() <= known:
        extra += [f"{kind}.metrics.{name}" for name in metrics.keys() - known]
    return extra
