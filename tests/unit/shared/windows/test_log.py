"""What a segment's id and its creation say, and when the writer's answer is yes."""

from datetime import timedelta

import pytest

from shared.clock import micros_of, to_micros
from shared.errors import Retry
from shared.windows.documents import Conflict, Document, Write
from shared.windows.key import WINDOW_MICROS, window_of
from shared.windows.log import (
    KEEP,
    MAX_LOGGING_DELAY,
    LogWriter,
    counts,
    sealed_before,
    segment_id,
    settled_before,
    slice_in,
    slice_of,
)
from shared.windows.segment import decode
from shared.windows.state import KEEP_OPEN, KEEP_SETTLED, Control
from tests.support.faults import Faults
from tests.support.flush_harness import NOON, WINDOW, event
from tests.support.memory_documents import Database, MemoryDocuments

SECOND = 1_000_000


class Log:
    """A writer whose clock is `ahead` of the database's."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.database = Database(lambda: WINDOW)
        self.faults = Faults()
        self.ahead = ahead
        names = iter("abcdefgh")
        self.writer = LogWriter(MemoryDocuments(self.database, self.faults), lambda: next(names))

    async def append(self, took: timedelta = timedelta(0), count: int = 1) -> None:
        now = NOON + self.ahead
        await self.writer.append([event(f"{number}") for number in range(count)], now - took, now)

    def stored(self) -> list[Document]:
        return list(self.database.documents.values())


def test_ids_sort_by_their_slices_and_slices_begin_every_ten_seconds() -> None:
    times = [0, 9_999_999, 10_000_000, WINDOW, WINDOW + 10**9]
    assert [slice_of(at) for at in times[:3]] == [0, 0, 10_000_000]
    ids = [segment_id(at, "z") for at in times]
    assert ids == sorted(ids)
    assert [slice_in(segment) for segment in ids] == [slice_of(at) for at in times]


@pytest.mark.parametrize(
    "name", ["x", "9-x", "0017803152000-x", "00178031520_-x", "001780315200", "٠٠١٧٨٠٣١٥٢٠٠-x"]
)
def test_what_is_not_a_segments_id_names_no_slice(name: str) -> None:
    with pytest.raises(ValueError, match="not the id of a segment"):
        slice_in(name)


def test_a_slice_is_sealed_ten_seconds_after_its_end() -> None:
    assert sealed_before(20 * SECOND - 1) == 0
    assert sealed_before(20 * SECOND) == 10 * SECOND


@pytest.mark.parametrize(("created", "does"), [(20 * SECOND - 1, True), (20 * SECOND, False)])
def test_a_segment_counts_if_it_was_created_before_its_slice_was_sealed(created: int, does: bool) -> None:
    document = Document(f"window_log/{segment_id(9 * SECOND, 'x')}", {}, created, 1)
    assert counts(document) is does
    assert does is not (slice_in(document.id) < sealed_before(created))


@pytest.mark.parametrize(
    ("at", "start"),
    [(0, 0), (300 * SECOND - 1, 0), (300 * SECOND, 300 * SECOND), (-1, -300 * SECOND), (-300 * SECOND,) * 2],
)
def test_windows_begin_every_five_minutes_also_before_1970(at: int, start: int) -> None:
    assert window_of(at) == start


def test_the_log_and_settled_windows_are_kept_as_long_as_pub_sub_may_deliver_again() -> None:
    assert timedelta(days=7) <= KEEP, "what a subscription keeps that is not acknowledged"
    assert micros_of(timedelta(days=31)) <= KEEP_SETTLED, "what a topic keeps for a seek, at most"


def test_an_open_window_is_kept_until_a_flush_that_was_away_has_read_its_last_event() -> None:
    longest_lateness = timedelta(days=7)  # shared/settings.py
    assert WINDOW_MICROS + micros_of(longest_lateness + KEEP) < KEEP_OPEN


def test_a_window_is_settled_once_all_that_was_judged_timely_for_it_is_folded() -> None:
    lateness = timedelta(hours=1)
    end = WINDOW + to_micros(NOON + timedelta(minutes=65)) - to_micros(NOON)
    last = end + micros_of(MAX_LOGGING_DELAY)  # judged at the last moment, logged MAX_LOGGING_DELAY later
    for watermark, is_in_it in ((last, False), (last + 1, True)):
        control = Control(settled_before=settled_before(watermark, lateness))
        assert control.has_settled(WINDOW) == is_in_it


async def test_an_append_is_a_segment_that_expires() -> None:
    log = Log()
    await log.append()
    (document,) = log.stored()
    assert document.name == "window_log/001780315200-a"
    assert list(decode(document.fields)) == [event("0")]
    assert document.fields["expire_at"] == to_micros(NOON + KEEP)


async def test_an_outsized_batch_is_several_segments_in_one_commit() -> None:
    log = Log()
    await log.append(count=1_001)
    assert [document.fields["count"] for document in log.stored()] == [500, 500, 1]
    assert len({document.created_at for document in log.stored()}) == 1


@pytest.mark.parametrize(
    ("took", "stored"), [(MAX_LOGGING_DELAY, 1), (MAX_LOGGING_DELAY + timedelta(microseconds=1), 0)]
)
async def test_events_that_took_too_long_to_be_logged_are_judged_again(took: timedelta, stored: int) -> None:
    log = Log()
    if stored:
        await log.append(took)
    else:
        with pytest.raises(Retry, match="judged again"):
            await log.append(took)
    assert len(log.stored()) == stored


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(-10, True), (-11, False), (-200, False), (0, True), (200, True)]
)
async def test_a_slow_clock_makes_retries_and_a_fast_one_none(seconds: int, is_taken: bool) -> None:
    log = Log(timedelta(seconds=seconds))
    if is_taken:
        await log.append()
    else:
        with pytest.raises(Retry, match="do not count"):
            await log.append()
    (document,) = log.stored()
    assert counts(document) is is_taken  # the flush answers as the writer did


async def test_a_create_that_finds_its_own_segment_is_judged_by_when_that_was_created(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()
    first = log.database.commit

    def twice(writes: list[Write]) -> object:
        first(writes)  # its answer is lost, and the adapter tries again, much later
        log.database.now = lambda: WINDOW + 60 * SECOND
        return first(writes)

    monkeypatch.setattr(log.database, "commit", twice)
    await log.append()
    (document,) = log.stored()
    assert counts(document)


async def test_a_create_that_finds_another_in_its_place_and_then_none_is_a_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()

    def refuse(_: list[Write]) -> object:
        raise Conflict

    monkeypatch.setattr(log.database, "commit", refuse)
    with pytest.raises(Retry, match="is gone"):
        await log.append()
