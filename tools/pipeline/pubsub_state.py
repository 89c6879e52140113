"""What the Pub/Sub stand-in says about its subscriptions, which Google's service says only in Monitoring.

Two calls of the stand-in's own, beside Pub/Sub's and named so that nobody takes them for Google's. Their
answers are JSON; the models here are both sides' contract. Google's emulator has no such calls.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import grpc
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tools.errors import CommandError

SERVICE = "cqc.standin.PubSub"
STATE = "State"
"""No request; the answer is PubSubState."""
FIND = "Find"
"""The request is a text in UTF-8; the answer lists the messages with that text that are not acknowledged."""
PERIOD = 60.0
"""Seconds that "recent" covers: a message's backoff is at most that long here, so one that fails shows."""
NO_ANSWER = 0
"""Stands for the status of a delivery that was not answered, or not in time."""
ACKNOWLEDGED = frozenset({102, 200, 201, 202, 204})
"""The statuses of a push that acknowledge its message; any other is a failure.
Source: https://cloud.google.com/pubsub/docs/push#receive_push"""
PULL_DONE, PULL_AGAIN = 204, 503
"""What a pulled message counts as that is acknowledged, or given back: as functions answer pushes. One whose
lease runs out has NO_ANSWER."""
MOST_FOUND = 20
TIMEOUT = 5.0


class Acknowledged(BaseModel):
    """One message that was delivered in the period."""

    model_config = ConfigDict(frozen=True)

    attributes: Mapping[str, str]
    published: datetime
    acknowledged: datetime


class SubscriptionState(BaseModel):
    """One subscription now."""

    model_config = ConfigDict(frozen=True)

    undelivered: int = Field(ge=0)
    """Not acknowledged: ready, waiting for a retry, or under way."""
    oldest: datetime | None
    """When the oldest of these was published."""
    retried: int = Field(ge=0)
    """How many of these were delivered before."""
    attempts: int = Field(ge=0)
    """The most deliveries that one of these has had."""
    answers: Mapping[int, int]
    """Deliveries of the period by status, or NO_ANSWER."""
    answered: Mapping[int, int] = {}
    """The same since the stand-in began."""
    acknowledged: list[Acknowledged]
    """The last of the period, a thousand at most."""
    streams: int = 0
    """On which it is pulled from now."""


class PubSubState(BaseModel):
    """Every subscription, by its full name."""

    model_config = ConfigDict(frozen=True)

    subscriptions: Mapping[str, SubscriptionState]


class Held(BaseModel):
    """A message that a subscription still holds."""

    model_config = ConfigDict(frozen=True)

    subscription: str
    message_id: str
    attempt: int
    """The delivery under way, or next, from 1."""
    answer: int | None
    """The status of the last one; None before the first."""


_FOUND = TypeAdapter(list[Held])


def read_state(endpoint: str, timeout: float = TIMEOUT) -> PubSubState | None:
    """The state of the stand-in at host:port; None from another Pub/Sub. Raises CommandError."""
    answer = _call(endpoint, STATE, b"", timeout)
    try:
        return None if answer is None else PubSubState.model_validate_json(answer)
    except ValidationError as error:
        raise _strange(endpoint, error) from None


def find(endpoint: str, text: str, timeout: float = TIMEOUT) -> list[Held] | None:
    """The messages with this text in their data or attributes that are not acknowledged, as `read_state`."""
    answer = _call(endpoint, FIND, text.encode(), timeout)
    try:
        return None if answer is None else _FOUND.validate_json(answer)
    except ValidationError as error:
        raise _strange(endpoint, error) from None


def _call(endpoint: str, method: str, request: bytes, timeout: float) -> bytes | None:
    with grpc.insecure_channel(endpoint) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/{method}", request_serializer=_same, response_deserializer=_same
        )
        try:
            answer: bytes = call(request, timeout=timeout)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
            raise CommandError(
                f"Pub/Sub at {endpoint} did not answer within {timeout:g} s ({error.details()}): "
                "is the chain still running (cqc up)?"
            ) from None
    return answer


def _same(content: Any) -> Any:
    return content


def _strange(endpoint: str, error: ValidationError) -> CommandError:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the answer"
    return CommandError(
        f"Pub/Sub at {endpoint} answered something else than its state ({where}: {first['msg']}): "
        "was the chain started by another version of cqc?"
    )
