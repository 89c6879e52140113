"""The open loop: what is slow is seen as latency, and what fails is sent again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from tools.errors import CommandError
from tools.load.publishing import PROBED, RETRY, TICK, TWICE, Events, Made, Publisher
from tools.pipeline.publishing import MAX_MESSAGES

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Slow:
    """A Pub/Sub on virtual time: each request takes as long as the next of `takes` says, or fails."""

    def __init__(self, takes: Iterator[float | CommandError]) -> None:
        self._takes = takes
        self.time = 0.0
        self.requests: list[list[bytes]] = []
        self.sent: list[tuple[float, Made]] = []

    def send(self, lines: list[bytes]) -> None:
        took = next(self._takes, 0.001)
        if isinstance(took, CommandError):
            raise took
        self.time += took
        self.requests.append(lines)

    def wait(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += seconds

    def publisher(self, due: list[float], events: Events | None = None) -> Publisher:
        make = (events or Events(10, 20, BEGAN)).make
        return Publisher(
            due,
            make,
            self.send,
            lambda made: self.sent.append((self.time, made)),
            lambda: self.time,
            self.wait,
        )


def test_a_slow_request_delays_no_due_time_so_its_slowness_is_in_the_latency_of_those_behind_it() -> None:
    pubsub = Slow(iter([3.0]))
    pubsub.publisher([number / 10 for number in range(50)]).run()
    assert [made.due for _, made in pubsub.sent] == [number / 10 for number in range(50)]
    waited = [at - made.due for at, made in pubsub.sent]
    assert waited[0] == pytest.approx(TICK)
    assert waited[1] == pytest.approx(3.0 + TICK - 0.1)
    assert waited[-1] <= 2 * TICK, "it has caught up"


def test_a_request_that_fails_is_sent_again_until_it_is_accepted_with_the_same_events() -> None:
    pubsub = Slow(iter([CommandError("away")] * 3))
    publisher = pubsub.publisher([0.0, 0.001])
    publisher.run()
    assert publisher.failures == 3
    assert (publisher.events, publisher.done) == (2, True)
    assert len(pubsub.requests) == 1
    assert pubsub.time >= 3 * RETRY


def test_it_ends_when_it_is_given_up_and_does_not_say_that_it_is_done() -> None:
    pubsub = Slow(iter([CommandError("away")] * 100))
    publisher = Publisher(
        [0.0],
        Events(10, 20, BEGAN).make,
        pubsub.send,
        lambda _: None,
        lambda: pubsub.time,
        pubsub.wait,
        lambda: pubsub.time > 2,
    )
    publisher.run()
    assert (publisher.events, publisher.done) == (0, False)


def test_no_request_has_more_messages_than_pub_sub_takes() -> None:
    pubsub = Slow(iter([5.0]))
    publisher = pubsub.publisher([number / 2_000 for number in range(10_000)])
    publisher.run()
    assert max(map(len, pubsub.requests)) <= MAX_MESSAGES
    assert publisher.events == 10_000
    assert sum(map(len, pubsub.requests)) == 10_000 + publisher.again


def test_everything_due_before_the_mark_is_accepted() -> None:
    pubsub = Slow(iter([]))
    publisher = pubsub.publisher([0.0, 1.0])
    marks: list[float] = []
    publisher = Publisher(
        [0.0, 1.0],
        Events(10, 20, BEGAN).make,
        lambda _: marks.append(publisher.through),
        lambda _: None,
        lambda: pubsub.time,
        pubsub.wait,
    )
    publisher.run()
    assert marks == [0.0, 1.0]
    assert publisher.through == float("inf")


def test_some_events_are_sent_twice_with_the_same_id() -> None:
    pubsub = Slow(iter([]))
    publisher = pubsub.publisher([0.0] * (TWICE + 1))
    publisher.run()
    ids = [orjson.loads(line)["event_id"] for lines in pubsub.requests for line in lines]
    assert len(ids) == len(set(ids)) + 2
    assert publisher.again == 2


def test_a_probe_has_a_location_of_its_own_and_its_event_time_is_when_it_was_due() -> None:
    events = Events(50, rate=200, began=BEGAN + timedelta(microseconds=999))
    made = [events.make(number, number / 200) for number in range(100)]
    assert sum(each.is_probe for each in made) == 10
    for each in made:
        body = orjson.loads(each.data)
        assert (body["location_id"] == PROBED) == each.is_probe
        assert datetime.fromisoformat(body["timestamp"]) == each.moment
        assert 0 <= (each.moment - BEGAN).total_seconds() - each.due < 0.001
