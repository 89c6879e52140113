"""A probe is seen once, and its latency runs from when it was due."""

from datetime import UTC, datetime, timedelta

from tools.load.publishing import Made
from tools.load.sightings import Sighting, Sightings

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def probe(due: float) -> Made:
    return Made(f"load-{due}", b"", BEGAN + timedelta(seconds=due), due, is_probe=True, is_twice=False)


def test_the_latency_runs_from_the_due_time_to_the_first_look_that_finds_it() -> None:
    sightings = Sightings(lambda: 7.5)
    sightings.sent(probe(5.0))
    sightings.found(["load-5.0", "load-5.0", "load-99", ""])
    sightings.found(["load-5.0"])
    assert sightings.seen == [Sighting(5.0, 2.5)]
    assert sightings.waiting == 0


def test_a_newer_online_value_shows_older_ones_that_it_has_overtaken_and_no_newer_ones() -> None:
    sightings = Sightings(lambda: 10.0)
    for due in (1.0, 2.0, 3.0):
        sightings.sent(probe(due))
    sightings.served(BEGAN + timedelta(seconds=2))
    assert [each.due for each in sightings.seen] == [1.0, 2.0]
    assert sightings.oldest() == BEGAN + timedelta(seconds=3)


def test_nothing_sent_is_nothing_to_look_for() -> None:
    sightings = Sightings(lambda: 0.0)
    sightings.served(BEGAN)
    assert (sightings.oldest(), sightings.seen) == (None, [])
