"""A dead letter becomes its row of streaming_errors, whichever of the two forms it has. Pure.

- our record: what `parse`, `features` or the flush rejected, with its reason (shared/dead_letters/record.py)
- a forwarded original: what Pub/Sub gave up delivering; it tells only how often and to whom it was sent,
  in the CloudPubSubDeadLetterSource* attributes
  (https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic)

Anything else that arrives is kept as well, as `unexpected_error`: none is ever dropped. The row is a function
of the message alone, so that a redelivery writes the same row again.
"""

from datetime import datetime

import orjson
from pydantic import ValidationError

from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, DeadLetterRecord, of_message
from shared.errors import ErrorType, Reject
from shared.message import Message
from shared.tables.columns import Row

_DELIVERIES = "CloudPubSubDeadLetterSourceDeliveryCount"
_SUBSCRIPTION = "CloudPubSubDeadLetterSourceSubscription"
_PROJECT = "CloudPubSubDeadLetterSourceSubscriptionProject"
_PUBLISHED = "CloudPubSubDeadLetterSourceTopicPublishTime"


def triage(message: Message, now: datetime, pipeline_version: str) -> Row:
    """The row; `now` is used only where the message has no publish time of its own."""
    return row_of(failure_in(message, message.publish_time or now, pipeline_version))


def fallback_row(message: Message, refusal: str, now: datetime, pipeline_version: str) -> Row:
    """The row of a dead letter whose own row BigQuery refused: the message whole, all else from here."""
    return row_of(
        _of_stranger(message, f"the dead letter's own row was refused: {refusal}", now, pipeline_version)
    )


def failure_in(message: Message, given_up_at: datetime, pipeline_version: str) -> DeadLetterRecord:
    """What the message says of the failure."""
    if message.attributes.get(RECORD_ATTRIBUTE) == RECORD_KIND:
        try:
            return DeadLetterRecord.model_validate_json(message.data)
        except ValidationError as error:
            what = f"the dead letter calls itself a failure record and is none: {error.errors()[0]['msg']}"
            return _of_stranger(message, what, given_up_at, pipeline_version)
    if _SUBSCRIPTION in message.attributes:
        return _of_forwarded(message, given_up_at, pipeline_version)
    what = "neither a failure record nor a message that Pub/Sub forwarded: somebody published it here"
    return _of_stranger(message, what, given_up_at, pipeline_version)


def _of_forwarded(message: Message, given_up_at: datetime, pipeline_version: str) -> DeadLetterRecord:
    attributes = message.attributes
    subscription, count = attributes[_SUBSCRIPTION], attributes.get(_DELIVERIES, "")
    what = (
        f"Pub/Sub gave up after {count or 'its last'} deliveries to {subscription}: see that function's log"
    )
    failure = of_message(
        message,
        Reject(ErrorType.DELIVERY_EXHAUSTED, what),
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


def _of_stranger(
    message: Message, what: str, given_up_at: datetime, pipeline_version: str
) -> DeadLetterRecord:
    reject = Reject(ErrorType.UNEXPECTED_ERROR, what)
    return of_message(message, reject, stage="deadletter", now=given_up_at, pipeline_version=pipeline_version)


def _stage_of(subscription: str) -> str:
    """Subscriptions are named `<topic>-<function>`: the function is the stage that failed."""
    return subscription.rsplit("/", 1)[-1].rsplit("-", 1)[-1]


def _count(text: str) -> int | None:
    """Attributes can be made by hand: what is no count that a delivery reaches is None."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _time(text: str | None) -> datetime | None:
    """Pub/Sub writes RFC 3339 with up to nine decimals; what is no such time is None."""
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
