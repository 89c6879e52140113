"""A dead letter becomes its row of streaming_errors, in either of its two forms. Pure.

- our record: what `parse`, `features` or the flush rejected, with the reason (shared/dead_letters/record.py)
- a forwarded original: a message that Pub/Sub could not deliver; its CloudPubSubDeadLetterSource* attributes
  say only how often and to which subscription it was delivered
  (https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic)

Anything else that arrives is kept as well, as `unexpected_error`: no message is ever dropped. The row depends
on the message alone, so that a redelivery writes the same row again.
"""

from datetime import datetime

import orjson
from pydantic import ValidationError

from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, DeadLetterRecord, record_of
from shared.errors import ErrorType, Reject
from shared.json_size import is_bloated
from shared.message import Message
from shared.tables.columns import Row
from shared.topology import short_name

_DELIVERIES = "CloudPubSubDeadLetterSourceDeliveryCount"
_SUBSCRIPTION = "CloudPubSubDeadLetterSourceSubscription"
_PROJECT = "CloudPubSubDeadLetterSourceSubscriptionProject"
_PUBLISHED = "CloudPubSubDeadLetterSourceTopicPublishTime"


def triage(message: Message, now: datetime, pipeline_version: str) -> Row:
    """The row; `now` is used only if the message has no publish time."""
    return row_of(record_in(message, message.publish_time or now, pipeline_version))


def is_dead_letter(message: Message) -> bool:
    """Whether the message has one of the two forms."""
    return _is_record(message) or _SUBSCRIPTION in message.attributes


def _is_record(message: Message) -> bool:
    return message.attributes.get(RECORD_ATTRIBUTE) == RECORD_KIND


def fallback_row(message: Message, refusal: str, now: datetime, pipeline_version: str) -> Row:
    """The row of a dead letter whose own row BigQuery refused: the whole message and the refusal."""
    reason = f"the dead letter's own row was refused: {refusal}"
    return row_of(_unexpected(message, reason, now, pipeline_version))


def record_in(message: Message, given_up_at: datetime, pipeline_version: str) -> DeadLetterRecord:
    """The record of what failed: in the message, or made from it."""
    if _is_record(message):
        if is_bloated(message.data):
            reason = "the dead letter is marked as a record but has far more values than one"
            return _unexpected(message, reason, given_up_at, pipeline_version)
        try:
            return DeadLetterRecord.model_validate_json(message.data)
        except ValidationError as error:
            reason = f"the dead letter is marked as a record but is not one: {error.errors()[0]['msg']}"
            return _unexpected(message, reason, given_up_at, pipeline_version)
    if _SUBSCRIPTION in message.attributes:
        return _forwarded(message, given_up_at, pipeline_version)
    reason = "neither a record nor a message that Pub/Sub forwarded: it was published here by hand"
    return _unexpected(message, reason, given_up_at, pipeline_version)


def _forwarded(message: Message, given_up_at: datetime, pipeline_version: str) -> DeadLetterRecord:
    attributes = message.attributes
    subscription, count = attributes[_SUBSCRIPTION], _count(attributes.get(_DELIVERIES, ""))
    times = "its last" if count is None else count
    reason = f"Pub/Sub gave up after {times} deliveries to {subscription[:256]}: see that function's log"
    record = record_of(
        message,
        Reject(ErrorType.DELIVERY_EXHAUSTED, reason),
        stage=_stage_of(subscription),
        now=given_up_at,
        pipeline_version=pipeline_version,
    )
    project = attributes.get(_PROJECT)
    return record.model_copy(
        update={
            "delivery_attempt": count,
            "source_subscription": f"projects/{project}/subscriptions/{subscription}"
            if project
            else subscription,
            "publish_timestamp": _time(attributes.get(_PUBLISHED)) or message.publish_time,
        }
    )


def _unexpected(
    message: Message, reason: str, given_up_at: datetime, pipeline_version: str
) -> DeadLetterRecord:
    reject = Reject(ErrorType.UNEXPECTED_ERROR, reason)
    return record_of(message, reject, stage="deadletter", now=given_up_at, pipeline_version=pipeline_version)


def _stage_of(subscription: str) -> str:
    """The function that failed: subscriptions are named `<topic>-<function>`."""
    return short_name(subscription).rpartition("-")[2]


def _count(text: str) -> int | None:
    """Attributes can be set by hand: None unless the text is a plausible number of deliveries."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _time(text: str | None) -> datetime | None:
    """Pub/Sub writes RFC 3339 with up to nine decimals; None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def row_of(record: DeadLetterRecord) -> Row:
    """The record as a row of streaming_errors."""
    return {
        "error_type": record.error_type.value,
        "error_message": record.error_message,
        "stage": record.stage,
        "location_id": record.location_id,
        "event_type": record.event_type,
        "event_id": record.event_id,
        "raw_data": record.raw_data,
        "payload": record.payload,
        "attributes": orjson.dumps(record.attributes).decode(),
        "delivery_attempt": record.delivery_attempt,
        "source_subscription": record.source_subscription,
        "publish_timestamp": record.publish_timestamp,
        "error_timestamp": record.error_timestamp,
        "pipeline_version": record.pipeline_version,
    }
