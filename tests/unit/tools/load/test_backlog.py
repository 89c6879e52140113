"""When a backlog is gone, and how answers are counted over a restart."""

from datetime import UTC, datetime, timedelta

from tools.load.backlog import Answers, Drain

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_backlog_is_gone_stage_by_stage_although_the_load_goes_on() -> None:
    drain = Drain(due=10.0)
    drain.seen(11, at(11), through=9.0, oldest={"parse": None, "features": None})
    assert drain.gone is None, "the producer still has some"
    drain.seen(12, at(12), through=20.0, oldest={"parse": at(11.9), "features": None})
    assert drain.gone is None, "parse holds some"
    drain.seen(13, at(13), through=20.0, oldest={"parse": at(12.5), "features": at(12.9)})
    assert drain.gone is None, "features holds what parse published until then"
    drain.seen(14, at(14), through=20.0, oldest={"parse": at(13.9), "features": at(13.5)})
    assert drain.gone == 14
    drain.seen(15, at(15), through=20.0, oldest={"parse": at(1), "features": at(1)})
    assert drain.gone == 14, "what is delivered again later is no backlog"


def test_an_idle_chain_has_no_backlog() -> None:
    drain = Drain(due=10.0)
    drain.seen(10.5, at(10.5), through=float("inf"), oldest={"parse": None, "features": None})
    assert drain.gone == 10.5


def test_a_backlog_published_before_an_outage_of_the_producer_is_not_forgotten() -> None:
    drain = Drain(due=10.0)
    for second in range(11, 100):
        drain.seen(second, at(second), through=50.0, oldest={"parse": at(3), "features": None})
    assert drain.gone is None


def test_answers_are_counted_on_after_pub_sub_began_again_from_nothing() -> None:
    answers = Answers()
    answers.add("parse", {204: 10, 503: 2})
    answers.add("parse", {204: 15, 503: 2})
    answers.add("parse", {204: 3})
    answers.add("parse", {204: 4, 503: 1})
    assert answers.total == {"parse": {204: 19, 503: 3}}


def test_functions_are_counted_apart() -> None:
    answers = Answers()
    answers.add("parse", {204: 1})
    answers.add("features", {204: 5})
    answers.add("parse", {})
    assert answers.total == {"parse": {204: 1}, "features": {204: 5}}
