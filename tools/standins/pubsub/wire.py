"""Translates between protobuf and the stand-in's model, and checks Pub/Sub's limits.

Raw protobuf classes throughout: proto-plus costs about ten times as much per message.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from google.pubsub_v1 import types

from tools.standins.pubsub.model import Backoff, DeadLetterPolicy, Delivery, SubscriptionSettings
from tools.standins.status import InvalidArgument, unsupported

Subscription = types.Subscription.pb()
ReceivedMessage = types.ReceivedMessage.pb()
StreamingPullResponse = types.StreamingPullResponse.pb()

MAX_MESSAGES = 1_000
MAX_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1_024
MAX_ORDERING_KEY_BYTES = 1_024
_NAME = re.compile(r"projects/[^/]+/(topics|subscriptions)/(?!goog)[A-Za-z][\w\-.~+%]{2,254}", re.ASCII)
_RETENTION_SECONDS = 7 * 24 * 3600
_NO_POLICY_PULL = Backoff(0.0, 0.0)
_NO_POLICY_PUSH = Backoff(0.1, 60.0)
_UNSUPPORTED = (
    "enable_message_ordering",
    "enable_exactly_once_delivery",
    "filter",
    "bigquery_config",
    "cloud_storage_config",
    "message_transforms",
)


def check_name(name: str, collection: str) -> None:
    """Raises InvalidArgument unless `name` is a full name in `collection` (topics or subscriptions)."""
    found = _NAME.fullmatch(name)
    if found is None or found.group(1) != collection:
        raise InvalidArgument(f"Invalid [{collection}] name: (name={name})")


def check_publish(messages: Sequence[Any], size: int) -> None:
    """Raises InvalidArgument for what Pub/Sub refuses; `size` is that of the request, in bytes."""
    if not messages:
        raise InvalidArgument("No messages to publish")
    if len(messages) > MAX_MESSAGES:
        raise InvalidArgument(f"Too many messages to publish: {len(messages)}, at most {MAX_MESSAGES}")
    if size > MAX_BYTES:
        raise InvalidArgument(f"Request of {size} bytes, at most {MAX_BYTES}")
    for message in messages:
        _check_message(message)


def _check_message(message: Any) -> None:
    if not message.data and not message.attributes:
        raise InvalidArgument("Some messages are empty: a message needs data or an attribute")
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise InvalidArgument(f"A message has {len(message.attributes)} attributes, at most {MAX_ATTRIBUTES}")
    if len(message.ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
        raise InvalidArgument(f"An ordering key is longer than {MAX_ORDERING_KEY_BYTES} bytes")
    for key, value in message.attributes.items():
        # Reserved, except for what Google's client libraries set themselves, such as the trace.
        reserved = key.startswith("goog") and not key.startswith("googclient_")
        if not 0 < len(key.encode()) <= MAX_KEY_BYTES or reserved:
            raise InvalidArgument(f"Invalid attribute key: {key[:40]!r}")
        if len(value.encode()) > MAX_VALUE_BYTES:
            raise InvalidArgument(f"The value of attribute {key!r} is longer than {MAX_VALUE_BYTES} bytes")


def read_subscription(request: Any) -> tuple[SubscriptionSettings, Any]:
    """The settings, and the resource as Pub/Sub would return it, with defaults filled in.

    Raises InvalidArgument, or Unimplemented for what the stand-in does not support.
    """
    check_name(request.name, "subscriptions")
    for field in _UNSUPPORTED:
        if request.HasField(field) if field.endswith("config") else getattr(request, field):
            raise unsupported(f"{field} in a Subscription")
    resource = Subscription()
    resource.CopyFrom(request)
    seconds = resource.ack_deadline_seconds = request.ack_deadline_seconds or 10
    if not 10 <= seconds <= 600:
        raise InvalidArgument(f"ack_deadline_seconds out of bounds: {seconds}, must be 10 to 600")
    if not request.HasField("message_retention_duration"):
        resource.message_retention_duration.FromSeconds(_RETENTION_SECONDS)
    settings = SubscriptionSettings(
        name=request.name,
        topic=request.topic,
        push_endpoint=_push_endpoint(request),
        ack_deadline=float(resource.ack_deadline_seconds),
        backoff=_backoff(resource),
        dead_letters=_dead_letters(resource),
    )
    return settings, resource


def _push_endpoint(request: Any) -> str:
    endpoint: str = request.push_config.push_endpoint
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise InvalidArgument(f"Unsupported push_endpoint: {endpoint}")
    if request.push_config.HasField("no_wrapper"):
        raise unsupported("no_wrapper in a PushConfig")
    return endpoint


def _backoff(resource: Any) -> Backoff:
    if not resource.HasField("retry_policy"):
        return _NO_POLICY_PUSH if resource.push_config.push_endpoint else _NO_POLICY_PULL
    policy = resource.retry_policy
    if not policy.HasField("minimum_backoff"):
        policy.minimum_backoff.FromSeconds(10)
    if not policy.HasField("maximum_backoff"):
        policy.maximum_backoff.FromSeconds(600)
    minimum = policy.minimum_backoff.ToMilliseconds() / 1000
    maximum = policy.maximum_backoff.ToMilliseconds() / 1000
    if not 0 <= minimum <= maximum <= 600:
        raise InvalidArgument(
            f"The retry policy is out of bounds: {minimum} s to {maximum} s, must be within 0 s and 600 s"
        )
    return Backoff(minimum, maximum)


def _dead_letters(resource: Any) -> DeadLetterPolicy | None:
    if not resource.HasField("dead_letter_policy"):
        return None
    policy = resource.dead_letter_policy
    check_name(policy.dead_letter_topic, "topics")
    attempts = policy.max_delivery_attempts = policy.max_delivery_attempts or 5
    if not 5 <= attempts <= 100:
        raise InvalidArgument(f"max_delivery_attempts out of bounds: {attempts}, must be 5 to 100")
    return DeadLetterPolicy(policy.dead_letter_topic, attempts)


def check_streaming(request: Any, is_first: bool) -> None:
    """Raises InvalidArgument for what Pub/Sub refuses on a stream."""
    if is_first and not request.subscription:
        raise InvalidArgument("first message must set subscription")
    if request.subscription and not is_first:
        raise InvalidArgument("subscription may only be set in first message")
    if is_first and not request.stream_ack_deadline_seconds:
        raise InvalidArgument("first message must set stream_ack_deadline_seconds")
    if request.stream_ack_deadline_seconds and not 10 <= request.stream_ack_deadline_seconds <= 600:
        raise InvalidArgument("stream_ack_deadline_seconds must be between 10 and 600 seconds")
    if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
        raise InvalidArgument("ack IDs and deadlines must have the same size")
    if not all(0 <= seconds <= 600 for seconds in request.modify_deadline_seconds):
        raise InvalidArgument("modify_deadline_seconds must be between 0 and 600 seconds")


def streaming_response(leased: Iterable[tuple[str, Delivery]], show_attempt: bool) -> Any:
    """Deliveries as a stream returns them."""
    response = StreamingPullResponse()
    for ack_id, delivery in leased:
        _fill(response.received_messages.add(ack_id=ack_id), delivery, show_attempt)
    return response


def received_message(ack_id: str, delivery: Delivery, show_attempt: bool) -> Any:
    """One delivery as a pull returns it."""
    received = ReceivedMessage(ack_id=ack_id)
    _fill(received, delivery, show_attempt)
    return received


def _fill(received: Any, delivery: Delivery, show_attempt: bool) -> None:
    message = delivery.message
    received.delivery_attempt = delivery.attempt if show_attempt else 0
    received.message.data = message.data
    received.message.attributes.update(message.attributes)
    received.message.message_id = message.message_id
    received.message.ordering_key = message.ordering_key
    received.message.publish_time.FromDatetime(message.publish_time.astimezone(UTC).replace(tzinfo=None))


def seek_moment(request: Any) -> datetime:
    """The time that a SeekRequest names; raises InvalidArgument, or Unimplemented for a snapshot."""
    if request.HasField("snapshot"):
        raise unsupported("snapshots")
    if not request.HasField("time"):
        raise InvalidArgument("Seek needs a time or a snapshot")
    moment: datetime = request.time.ToDatetime(tzinfo=UTC)
    return moment


def publish_moment() -> datetime:
    """Now, truncated to milliseconds, the precision of a push body."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
