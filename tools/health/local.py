"""The facts of a chain on this machine: from the Pub/Sub stand-in's state and the parts' logs."""

import mmap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from shared.telemetry.logs import LogEvent
from shared.topology import SUBSCRIPTIONS, short_name
from tools.errors import CommandError
from tools.health.answers import Answers, answer_of, reason_in
from tools.health.facts import Backlog, Flow, Latency, Logged, Switch
from tools.pipeline.pubsub_state import PERIOD, Acknowledged, PubSubState, SubscriptionState
from tools.quantiles import quantile


def by_name(state: PubSubState) -> Mapping[str, SubscriptionState]:
    return {short_name(name): found for name, found in state.subscriptions.items()}


def backlogs(state: PubSubState, now: datetime) -> Mapping[str, Backlog]:
    return {
        name: Backlog(
            undelivered=found.undelivered,
            oldest=None if found.oldest is None else max(0.0, _seconds(now - found.oldest)),
            retried=found.retried,
            failures=found.attempts,
        )
        for name, found in by_name(state).items()
    }


def answers(state: PubSubState, pulled: Collection[str] = ()) -> Mapping[str, Answers]:
    """Those of the functions that Pub/Sub feeds; nobody counts the calls of `aggregate` here."""
    found = by_name(state)
    return {
        function: Answers(
            {answer_of(status, function in pulled): count for status, count in found[name].answers.items()}
        )
        for function, name in SUBSCRIPTIONS.items()
        if name in found
    }


def flows(answered: Mapping[str, Answers]) -> Mapping[str, Flow]:
    """Deliveries a second, and those acknowledged."""
    return {
        name: Flow(given=seen.total / PERIOD, done=seen.accepted / PERIOD) for name, seen in answered.items()
    }


def latencies(state: PubSubState, published: Mapping[str, datetime]) -> Sequence[Latency]:
    """From publish to row: `features` acknowledges an event when its row is durable.

    `published` is when the producer's message came, by event id: from the rows.
    """
    features = by_name(state).get(SUBSCRIPTIONS["features"])
    done = [] if features is None else features.acknowledged
    took = sorted(_took(done, published))
    if not took:
        return []
    return [Latency("publish to row", quantile(took, 0.5), quantile(took, 0.99), len(took))]


def _took(done: Iterable[Acknowledged], published: Mapping[str, datetime]) -> Iterable[float]:
    for message in done:
        start = published.get(message.attributes.get("event_id", ""))
        if start is not None:
            yield max(0.0, _seconds(message.acknowledged - start))


def _seconds(duration: timedelta) -> float:
    return duration / timedelta(seconds=1)


def read_log(path: Path) -> Logged:
    """What a function's log says, which begins with its process; raises CommandError."""
    with _mapped(path) as log:
        return logged(log)


def last_retry(path: Path, message_id: str) -> str:
    """Why the function last had this message delivered again; empty without a line. Raises CommandError."""
    with _mapped(path) as log:
        return _reason_at(log, log.rfind(f'"message_id":"{message_id}"'.encode()))


def mentions(path: Path, event_id: str) -> bool:
    """Whether a function's log has a line about this event; raises CommandError."""
    with _mapped(path) as log:
        return log.rfind(f'"event_id":"{event_id}"'.encode()) >= 0


@contextmanager
def _mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    """A log of any size, to be searched from its end."""
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:  # nothing to map
                yield b""
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield content
    except OSError as error:
        raise CommandError(f"the log {path} can't be read ({error.strerror})") from None


def logged(log: bytes | mmap.mmap) -> Logged:
    """The last lines that matter: a log may have millions of others."""
    return Logged(
        brake=_switch(log, LogEvent.DEAD_LETTER_BRAKE_ENGAGED, LogEvent.DEAD_LETTER_BRAKE_RELEASED),
        online_store=_switch(log, LogEvent.ONLINE_STORE_UNAVAILABLE, LogEvent.ONLINE_STORE_RECOVERED),
        retry=_last_reason(log),
        pulls=_switch(log, LogEvent.PULL_STARTED, LogEvent.PULL_ENDED).is_on,
    )


def _switch(log: bytes | mmap.mmap, on: LogEvent, off: LogEvent) -> Switch:
    return Switch(log.rfind(_key(on)) > log.rfind(_key(off)))


def _last_reason(log: bytes | mmap.mmap) -> str:
    return _reason_at(log, log.rfind(_key(LogEvent.MESSAGE_RETRIED)))


def _reason_at(log: bytes | mmap.mmap, at: int) -> str:
    """That of the retry whose line has this place; empty without one, or while it is being written."""
    if at < 0:
        return ""
    start, end = log.rfind(b"\n", 0, at) + 1, log.find(b"\n", at)
    try:
        line = orjson.loads(log[start:end])
    except orjson.JSONDecodeError:
        return ""
    return reason_in(line)


def _key(event: LogEvent) -> bytes:
    return f'"event":"{event}"'.encode()
