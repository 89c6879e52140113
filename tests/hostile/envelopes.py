"""The envelope of a hostile push: as Pub/Sub or Eventarc makes it, or with something odd in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND
from shared.message import HEARTBEAT_ATTRIBUTE, IDENTITY_ATTRIBUTE, PROBE_ATTRIBUTE
from shared.telemetry.trace_context import ATTRIBUTE as TRACE_ATTRIBUTE
from tests.hostile import oddities

_RECORD = b'{"%s":"%s"}' % (RECORD_ATTRIBUTE.encode(), RECORD_KIND.encode())
_FORWARDED = "CloudPubSubDeadLetterSource"
_ATTRIBUTES = tuple(
    name.encode()
    for name in (
        *(IDENTITY_ATTRIBUTE, HEARTBEAT_ATTRIBUTE, PROBE_ATTRIBUTE, RECORD_ATTRIBUTE, TRACE_ATTRIBUTE),
        *(f"{_FORWARDED}DeliveryCount", f"{_FORWARDED}Subscription", f"{_FORWARDED}SubscriptionProject"),
        *(f"{_FORWARDED}TopicPublishTime", "traceparent", "event_id", "", "x"),
    )
)
_TRACE = b"00-%s-%s-01" % (b"a" * 32, b"b" * 16)
_TRACES = (b'"%s"' % _TRACE, b'"%s-%s"' % (_TRACE, b"c" * 2_000))

Members = dict[bytes, bytes]
"""Of an object: name to JSON."""


@dataclass(frozen=True, slots=True)
class Push:
    """A push in the making."""

    message: Members
    """Besides its data."""
    around: Members


def envelope(rng: Random, door: str, changes: list[str]) -> tuple[bytes, bytes]:
    """What stands before and after the data in base64; what is odd about it is added to `changes`."""
    push = Push(
        {
            b"messageId": b'"17"',
            b"publishTime": b'"2026-03-11T11:59:59.123Z"',
            b"attributes": _RECORD if door == "deadletter" else b"{}",
        },
        {b"subscription": b'"projects/p/subscriptions/s"', b"deliveryAttempt": b"1"},
    )
    if rng.random() < 0.25:
        change = rng.choice(_CHANGES)
        changes.append(change.__name__)
        change(rng, push)
    before, after = b'{"message":{%s"data":"' % _joined(push.message), b'"}%s}' % _following(push.around)
    if rng.random() < 0.9:
        return before, after
    return _odd_shape(rng, before, after, changes)


def _joined(members: Members) -> bytes:
    return b"".join([b'"%s":%s,' % member for member in members.items()])


def _following(members: Members) -> bytes:
    return b"".join([b',"%s":%s' % member for member in members.items()])


def _odd_shape(rng: Random, before: bytes, after: bytes, changes: list[str]) -> tuple[bytes, bytes]:
    shape = rng.randrange(5)
    if shape < 2:
        changes.append("cloud_event")
        return b'{"specversion":"1.0","type":%s,"data":' % oddities.value(rng) + before, after + b"}"
    if shape == 2:
        changes.append("bare_base64")
        return b'{"specversion":"1.0","data_base64":"', b'"}'
    if shape == 3:
        changes.append("envelope_cut")
        return before, after[: rng.randrange(len(after))]
    changes.append("envelope_odd_end")
    return before + rng.choice((b" ", b"=", b"\\n", b"-_", b"\xff", b"A")), after


def odd_id(rng: Random, push: Push) -> None:
    push.message[b"messageId"] = oddities.value(rng)
    if rng.random() < 0.5:
        push.message[b"message_id"] = oddities.value(rng)


def no_id(_rng: Random, push: Push) -> None:
    del push.message[b"messageId"]


def odd_publish_time(rng: Random, push: Push) -> None:
    push.message[b"publishTime"] = oddities.time(rng) if rng.random() < 0.8 else oddities.value(rng)


def odd_attributes(rng: Random, push: Push) -> None:
    if rng.random() < 0.2:
        push.message[b"attributes"] = oddities.value(rng)
        return
    chosen = rng.sample(_ATTRIBUTES, rng.randint(1, 4))
    push.message[b"attributes"] = b"{%s}" % b",".join(
        [b'"%s":%s' % (name, _attribute(rng)) for name in chosen]
    )


def _attribute(rng: Random) -> bytes:
    return rng.choice((oddities.text, oddities.text, oddities.time, _trace, _digits, oddities.value))(rng)


def _trace(rng: Random) -> bytes:
    return rng.choice(_TRACES)


def _digits(rng: Random) -> bytes:
    return b'"%d"' % (10 ** rng.randrange(12))


def odd_attempt(rng: Random, push: Push) -> None:
    push.around[b"deliveryAttempt"] = oddities.number(rng) if rng.random() < 0.7 else oddities.value(rng)


def odd_subscription(rng: Random, push: Push) -> None:
    push.around[b"subscription"] = oddities.value(rng)


def second_message(rng: Random, push: Push) -> None:
    """Another `message` after it, or another `data`: of equal names the last counts."""
    if rng.random() < 0.5:
        push.around[b"message"] = oddities.value(rng)
    else:
        push.message[b"data"] = oddities.value(rng)


_CHANGES: Sequence[Callable[[Random, Push], None]] = (
    *(odd_id, no_id, odd_publish_time, odd_publish_time, odd_attributes, odd_attributes, odd_attributes),
    *(odd_attempt, odd_subscription, second_message),
)
