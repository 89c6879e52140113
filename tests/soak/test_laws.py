"""What the soak's laws say of tables that are not what they should be."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from functions.features.extraction import extract
from shared.tables.columns import Row
from tests.simulation.laws import Unique, unique_rows
from tests.soak.laws import events, folds, latencies
from tests.soak.publications import Expected, Publication, Times, publications
from tests.unit.builders import event

AT = datetime(2026, 1, 31, 12, 3, tzinfo=UTC)
SINK, SCHEMA, LATE = "sink_rejected", "schema_error", "late_event"


def published(expected: Expected) -> list[Publication]:
    return [Publication("e", b"", expected)]


def rows(*late: bool) -> Unique:
    """The copies of one event."""
    return unique_rows([row("e", is_late) for is_late in late])


def row(event_id: str, is_late: bool = False) -> Row:
    return {**extract(event(event_id=event_id), ZoneInfo("UTC")), "is_late": is_late}


@pytest.mark.parametrize(
    ("expected", "unique", "letters"),
    [
        (Expected.ROW, rows(False, False), set()),
        (Expected.ROW, rows(False, True), {LATE}),
        (Expected.TIMELY, rows(False), set()),
        (Expected.LATE, rows(True), {LATE}),
        (Expected.BAD, {}, {SCHEMA}),
        (Expected.REFUSED, {}, {SINK}),
    ],
)
def test_each_event_in_its_place_breaks_no_law(expected: Expected, unique: Unique, letters: set[str]) -> None:
    assert list(events(published(expected), unique, {"e": letters})) == []


@pytest.mark.parametrize(
    ("expected", "unique", "letters", "law"),
    [
        (Expected.ROW, {}, {}, "e has no row"),
        (Expected.ROW, rows(True), {}, "says is_late True, and the dead letters []"),
        (Expected.ROW, rows(False), {"e": {LATE}}, "says is_late False"),
        (Expected.ROW, rows(False), {"e": {"delivery_exhausted"}}, "delivery_exhausted"),
        (Expected.TIMELY, rows(True), {"e": {LATE}}, "should be a row that is not late"),
        (Expected.LATE, rows(False), {}, "should be a row that is late"),
        (Expected.REFUSED, rows(False), {"e": {SINK}}, "e has a row and the dead letters"),
        (Expected.REFUSED, {}, {}, "e has no row and the dead letters []"),
        (Expected.BAD, {}, {"e": {SINK}}, "e has no row and the dead letters ['sink_rejected']"),
        (Expected.ROW, rows(False), {"f": {SCHEMA}}, "nobody published ['f']"),
    ],
)
def test_an_event_in_two_places_in_none_or_in_the_wrong_one_is_told(
    expected: Expected, unique: Unique, letters: Mapping[str, set[str]], law: str
) -> None:
    assert any(law in found for found in events(published(expected), unique, letters))


def test_a_window_without_a_pane_is_told() -> None:
    assert any("windows by the rows only" in law for law in folds(rows(False), {}))


def test_publications_are_the_seed_s_and_of_every_kind() -> None:
    times = Times.closing_after(AT, 15)
    made = publications(7, times, 200)
    assert made == publications(7, times, 200) != publications(8, times, 200)
    assert {publication.expected for publication in made} == set(Expected)
    assert len({publication.event_id for publication in made}) == 200 < len(made)


@pytest.mark.parametrize("minute", range(0, 10, 3))
def test_the_window_before_the_open_one_closes_when_asked_to(minute: int) -> None:
    now = datetime(2026, 1, 31, 12, minute, 7, tzinfo=UTC)
    times = Times.closing_after(now, 15)
    assert times.current + times.lateness == now + timedelta(seconds=15)


def test_the_latency_that_is_served_may_be_that_of_any_delivery() -> None:
    first, second = row("e"), row("e")
    happened = first["event_timestamp"]
    assert isinstance(happened, datetime)
    first["processing_timestamp"], second["processing_timestamp"] = (
        happened + timedelta(seconds=seconds) for seconds in (2, 5)
    )
    assert latencies(unique_rows([first, second])) == {(first["location_id"], happened): {2.0, 5.0}}
