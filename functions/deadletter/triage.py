"""A dead letter becomes its row of streaming_errors, whichever of the two forms it has. Pure.

- our record: what `parse`, `features` or the flush rejected, with the reason (shared/dead_letters/record.py)
- a forwarded original: a message that Pub/Sub gave up delivering; its CloudPubSubDeadLetterSource* attributes
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
from shared.message import Message
from shared.tables.columns import Row

_DELIVERIES = "CloudPubSubDeadLetterSourceDeliveryCount"
_SUBSCRIPTION = "CloudPubSubDeadLetterSourceSubscription"
_PROJECT = "CloudPubSubDeadLetterSourceSubscriptionProject"
_PUBLISHED = "CloudPubSubDeadLetterSourceTopicPublishTime"


def triage(message: Message, now: datetime, pipeline_version: str) -> Row:
    """The row; `now` is used only if the message has no publish time of its own."""
    return row_of(failure_in(message, message.publish_time or now, pipeline_version))


def fallback_row(message: Message, refusal: str, now: datetime, pipeline_version: str) -> Row:
    """The row of a dead letter whose own row BigQuery refused: the whole message and the refusal."""
    reason = f"the dead letter's own row was refused: {refusal}"
    return row_of(_unexpected(message, reason, now, pipeline_version))


def failure_in(message: Message, given_up_at: datetime, pipeline_version: str) -> DeadLetterRecord:
    """The failure that the message reports."""
    if message.attributes.get(RECORD_ATTRIBUTE) == RECORD_KIND:
        try:
            return DeadLetterRecord.model_validate_json(message.data)
        except ValidationError as error:
            reason = (
                f"the dead letter is marked as a failure record but is not one: {error.errors()[0]['msg']}"
            )
            return _unexpected(message, reason, given_up_at, pipeline_version)
    if _SUBSCRIPTION in message.attributes:
        return _forwarded(message, given_up_at, pipeline_version)
    reason = "neither a failure record nor a message that Pub/Sub forwarded: somebody published it here"
    return _unexpected(message, reason, given_up_at, pipeline_version)


def _forwarded(message: Message, given_up_at: datetime, pipeline_version: str) -> DeadLetterRecord:
    attributes = message.attributes
    subscription, count = attributes[_SUBSCRIPTION], attributes.get(_DELIVERIES, "")
    reason = (
        f"Pub/Sub gave up after {count or 'its last'} deliveries to {subscription}: see that function's log"
    )
    failure = record_of(
        message,
        Reject(ErrorType.DELIVERY_EXHAUSTED, reason),
        stage=_stage_of(subscription),
        now=given_up_at,
        pipeline_version=pipeline_version,
    )
    project = attributes.get(_PROJECT)
    return failure.model_copy(
        update={
            "delivery_attempt": _count(count),
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
    return subscription.rsplit("/", 1)[-1].rsplit("-", 1)[-1]


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


def row_of(failure: DeadLetterRecord) -> Row:
    """The failure as a row of streaming_errors."""
    return {
        "error_type": failure.error_type.value,
        "error_message": failure.error_message,
        "stage": failure.stage,
        "location_id": failure.location_id,
        "event_type": failure.event_type,
        "event_id": failure.event_id,
        "raw_data": failure.raw_data,
        "payload": failure.payload,
        "attributes": orjson.dumps(failure.attributes).decode(),
        "delivery_attempt": failure.delivery_attempt,
        "source_subscription": failure.source_subscription,
        "publish_timestamp": failure.publish_timestamp,
        "error_timestamp": failure.error_timestamp,
        "pipeline_version": failure.pipeline_version,
    }
