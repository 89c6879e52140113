"""What is refused or can't be read is set aside with a dead letter, and holds up nothing else."""

import pytest

from functions.aggregate import bucket, flush
from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.tables.columns import Row
from shared.windows.documents import Document, Write
from shared.windows.state import location_hash
from tests.support.bench import Bench, crowd, event


async def test_a_bucket_that_the_database_refuses_is_set_aside_and_the_others_go_on() -> None:
    bench = Bench()
    refused, other = two_buckets()
    bench.database.refuses = lambda write: is_state_of(write, refused)
    await bench.append(event("a", location=refused), event("b", location=other), *crowd())
    await bench.flush_at(1)
    assert bench.panes(other) == [("early", 1, 1, False)]
    assert bench.panes(refused) == []
    (text,) = bench.texts()
    assert "can't be stored" in text
    bench.database.refuses = lambda _: False
    await bench.flush_at(6)
    assert bench.panes(other)[-1] == ("on_time", 2, 1, False)


async def test_a_refused_bucket_beside_one_that_cuts_a_chunk_loses_none_of_its_digests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bucket, "CHUNK", 2)
    bench = Bench()
    refused, other = two_buckets()
    bench.database.refuses = lambda write: is_state_of(write, refused)
    counted = [event(f"b{number}", location=other) for number in range(3)]
    await bench.append(event("a", location=refused), *counted, *crowd())
    await bench.flush_at(1)
    await bench.append(*counted)
    await bench.flush_at(6)
    assert bench.panes(other)[-1] == ("on_time", 2, 3, False)


@pytest.mark.parametrize("fields", [{"format": 2}, {"entries": b"{"}, {"chunks": 3}, {"parts": 1}])
async def test_a_bucket_that_cannot_be_read_is_set_aside_and_the_others_go_on(
    fields: dict[str, bytes | int],
) -> None:
    bench = Bench()
    damaged, other = two_buckets()
    await bench.append(event("a", location=damaged), event("b", location=other), *crowd())
    await bench.flush_at(1)
    (document,) = [one for one in bench.stored("window_state") if is_state_of(one, damaged)]
    bench.database.commit([Write(document.name, {**document.fields, **fields})])
    await bench.append(event("c", location=damaged), event("d", location=other))
    await bench.flush_at(2)
    assert bench.panes(other)[-1] == ("early", 2, 2, False)
    assert bench.panes(damaged)[-1] == ("early", 1, 1, False)
    (text,) = bench.texts()
    assert "can't be read" in text
    assert "1 events are kept here" in text
    await bench.flush_at(66)
    assert bench.panes(other)[-1][3] is True
    assert bench.control().windows == {}


async def test_panes_that_the_table_refuses_are_dead_letters_sent_together() -> None:
    bench = Bench()
    bench.rows.outcome = lambda row: (
        Reject(ErrorType.SINK_REJECTED, "no such column") if row["location_id"] != "good" else None
    )
    await bench.append(
        event("a", location="good"), *(event("a", location=f"bad{number}") for number in range(20))
    )
    await bench.flush_at(1)
    assert len(bench.panes("good")) == 1
    assert [letter.error_type for letter in bench.sinks.dead_letters] == [ErrorType.SINK_REJECTED] * 20
    assert bench.dead_letters.most_at_once == 20
    assert bench.control().emitted == 1


async def test_a_bug_in_writing_a_pane_stays_loud_and_the_pane_comes_once_it_is_fixed() -> None:
    bench = Bench()

    def fail(_: Row) -> Outcome:
        return KeyError("table has no column colour")

    bench.rows.outcome = fail
    await bench.append(event("a"))
    with pytest.raises(KeyError, match="colour"):
        await bench.flush_at(1)
    assert bench.sinks.dead_letters == []
    bench.rows.outcome = lambda _: None
    await bench.flush_at(2.1)
    assert bench.panes() == [("early", 1, 1, False)]


async def test_an_online_store_that_is_away_costs_one_record_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flush, "GROUP", 1)
    bench = Bench()
    bench.online.faults.fails = 1
    await bench.append(*crowd())
    await bench.flush_at(1)
    (letter,) = bench.sinks.dead_letters
    assert letter.error_type is ErrorType.FEATURE_STORE_WRITE_FAILED
    assert "1,000 entries" in letter.text
    assert len(bench.sinks.panes) == 1000


async def test_a_record_of_online_values_is_sent_when_the_flush_fails_later() -> None:
    bench = Bench()
    bench.online.faults.fails = 1
    bench.faults.at_call = 8  # finish
    await bench.append(event("a"))
    with pytest.raises(Retry):
        await bench.flush_at(1)
    assert [letter.error_type for letter in bench.sinks.dead_letters] == [
        ErrorType.FEATURE_STORE_WRITE_FAILED
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"count": 10**12},
        {"count": -1},
        {"head": b'[[1],["x"],["rating"]]'},
        {"head": b'[["l"],["x"],["a category of tomorrow"]]'},
        {"events": b""},
    ],
)
async def test_a_segment_that_cannot_be_read_is_kept_as_a_dead_letter_and_stops_nothing(
    fields: dict[str, bytes | int],
) -> None:
    bench = Bench()
    await bench.append(event("a"))
    (document,) = bench.stored("window_log")
    bench.database.commit([Write(document.name, {**document.fields, **fields})])
    await bench.append(event("b"))
    await bench.flush_at(1)
    assert bench.panes() == [("early", 1, 1, False)]
    (letter,) = bench.sinks.dead_letters
    assert letter.error_type is ErrorType.UNEXPECTED_ERROR
    assert document.name in letter.text


@pytest.mark.parametrize("name", ["flush/0.0", "flush/layout"])
async def test_a_control_document_of_a_newer_format_stops_the_flush_loudly(name: str) -> None:
    bench = Bench()
    await bench.append(event("a"))
    bench.database.commit([Write(name, {"format": 2})])
    with pytest.raises(Retry, match="its format is 2, this release reads 1"):
        await bench.flush_at(1)
    assert bench.sinks.panes == []


async def test_fields_that_a_later_release_adds_are_ignored() -> None:
    bench = Bench()
    await bench.append(event("a"))
    await bench.flush_at(1)
    for document in [*bench.stored("flush"), *bench.stored("window_state")]:
        bench.database.commit([Write(document.name, {**document.fields, "new": "x"})])
    await bench.flush_at(6)
    assert bench.panes()[-1] == ("on_time", 2, 1, False)


async def test_panes_of_a_bucket_that_can_no_longer_be_read_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.rows.faults.at_call = 1
    await bench.append(event("a"))
    with pytest.raises(Retry):
        await bench.flush_at(1)
    (document,) = bench.stored("window_state")
    bench.database.commit([Write(document.name, {"format": 2})])
    await bench.flush_at(2)
    assert "its format is 2, this release reads 1" in caplog.text
    assert len(bench.texts()) == 1  # the event is read again: the flush that died had not finished
    caplog.clear()
    await bench.flush_at(6)
    assert "its format is 2, this release reads 1" in caplog.text
    assert len(bench.texts()) == 1


def two_buckets() -> tuple[str, str]:
    """Two locations that do not share a bucket among four."""
    first = "special"
    others = (f"other-{number}" for number in range(100))
    return first, next(one for one in others if (location_hash(one) ^ location_hash(first)) & 3)


def is_state_of(one: Write | Document, location: str) -> bool:
    """Whether it is the document of this location's bucket."""
    entries = one.fields.get("entries")
    return isinstance(entries, bytes) and location.encode() in entries
