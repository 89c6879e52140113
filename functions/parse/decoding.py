"""A producer's message becomes an Event, or a Reject that says why. Pure: the time is passed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.errors import ErrorType, Reject
from shared.events import METRICS, Event, json_object, parse_time, validate
from shared.message import Message
from shared.settings import ParseSettings

EVENT_FIELDS = frozenset({"event_id", "location_id", "event_type", "timestamp", "metrics"})
_METRIC_FIELDS = {kind: frozenset(model.model_fields) for kind, model in METRICS.items()}


@dataclass(frozen=True, slots=True)
class Decoder:
    """The decoding rules, with the limits that a deployment sets."""

    pipeline_version: str
    max_event_bytes: int
    max_future: timedelta
    max_age: timedelta | None = None
    """How long the features table keeps a row; None keeps it for ever."""

    @classmethod
    def of(cls, settings: ParseSettings) -> "Decoder":
        return cls(settings.pipeline_version, settings.max_event_bytes, settings.max_future, settings.max_age)

    def decode(self, message: Message, now: datetime) -> tuple[Event, list[str]]:
        """The event, and the names of its fields that no feature uses; raises Reject."""
        self._check_size(message.data)
        raw = json_object(message.data)
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
        return validate(fields), _unknown_fields(raw)

    def _check_size(self, data: bytes) -> None:
        if len(data) > self.max_event_bytes:
            size = f"the event has {len(data)} bytes, the limit is {self.max_event_bytes} (MAX_EVENT_BYTES)"
            raise Reject(ErrorType.PAYLOAD_TOO_LARGE, size)

    def _event_time(self, raw: Mapping[str, object], now: datetime) -> datetime:
        text = raw.get("timestamp")
        if not isinstance(text, str) or not text:
            what = "is missing" if text is None or text == "" else f"is {type(text).__name__}"
            raise Reject(ErrorType.SCHEMA_ERROR, f"timestamp: {what}, expected ISO 8601 text with an offset")
        try:
            moment = parse_time(text).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            reason = str(error)[:100]  # it quotes the text, however long
            raise Reject(ErrorType.INVALID_TIMESTAMP, f"timestamp {text[:64]!r}: {reason}") from None
        if moment > now + self.max_future:
            ahead = f"timestamp {text[:64]!r} is {moment - now} ahead of now, more than {self.max_future}"
            raise Reject(ErrorType.TIMESTAMP_OUT_OF_RANGE, ahead)
        if self.max_age is not None and now - moment > self.max_age:
            old = f"timestamp {text[:64]!r} is older than {self.max_age.days} days (MAX_AGE)"
            what = f"{old}: BigQuery would delete its row as soon as it is written"
            raise Reject(ErrorType.TIMESTAMP_OUT_OF_RANGE, what)
        return moment


def identity(raw: Mapping[str, object], message: Message) -> object:
    """The producer's event_id if there is one, else the id of the event's first Pub/Sub message.

    An empty or null event_id identifies nothing and counts as absent.
    """
    event_id = raw.get("event_id")
    return message.original_id if event_id is None or event_id == "" else event_id


def _unknown_fields(raw: Mapping[str, object]) -> list[str]:
    kind, metrics = raw["event_type"], raw["metrics"]
    known = _METRIC_FIELDS.get(kind) if isinstance(kind, str) else None
    extra = [] if raw.keys() <= EVENT_FIELDS else [f"{kind}.{name}" for name in raw.keys() - EVENT_FIELDS]
    if known is not None and isinstance(metrics, dict) and not metrics.keys() <= known:
        extra += [f"{kind}.metrics.{name}" for name in metrics.keys() - known]
    return extra
