"""A bucket's documents: split when they are full, read back whole, and whole after any first few writes."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.aggregate import bucket as module
from functions.aggregate.bucket import Added, BucketState
from functions.aggregate.triggers import Progress
from functions.aggregate.window import Window
from shared.windows.bucket_documents import bucket_name, seen_in
from shared.windows.contribution import Contribution
from shared.windows.documents import Document, Write
from shared.windows.state import DAY, KEEP_OPEN, KEEP_SETTLED, Shard
from tests.support.flush_harness import WINDOW, event

KEY = (WINDOW, 0)
NAME = bucket_name(Shard(), *KEY)
Rounds = list[list[tuple[int, int]]]
"""Events by location and number, folded and stored round by round."""
ROUNDS: st.SearchStrategy[Rounds] = st.lists(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=12), min_size=1, max_size=5
)


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 3)
        patch.setattr(module, "MAX_ENTRIES", 250)
        yield


class Stored:
    """The documents of one bucket."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self._versions = count(1)

    def load(self) -> BucketState:
        return BucketState.of(KEY, NAME, self.documents)

    def put(self, writes: Sequence[Write]) -> None:
        for write in writes:
            self.documents[write.name] = Document(write.name, write.fields, 1, next(self._versions))

    def folded(self, events: Sequence[Contribution]) -> BucketState:
        state = self.load()
        by_location: dict[str, list[Contribution]] = {}
        for member in events:
            by_location.setdefault(member.location_id, []).append(member)
        state.fold(by_location)
        return state

    def fold(self, events: Sequence[Contribution]) -> list[Write]:
        return self.folded(events).writes(0, is_settled=False)

    def counts(self) -> dict[str, int]:
        windows = list(self.load().windows())
        counts = {location: window.count for location, window in windows}
        assert len(counts) == len(windows), "a location is in one part"
        return counts


def events_of(pairs: Sequence[tuple[int, int]]) -> list[Contribution]:
    return [event(f"e{number}", location=f"1-{location}") for location, number in pairs]


def plain_counts(rounds: Rounds) -> dict[str, int]:
    distinct = {pair for pairs in rounds for pair in pairs}
    return {
        f"1-{location}": len([pair for pair in distinct if pair[0] == location]) for location, _ in distinct
    }


@given(ROUNDS)
def test_each_event_counts_once_through_parts_and_chunks(rounds: Rounds) -> None:
    stored = Stored()
    for pairs in rounds:
        stored.put(stored.fold(events_of(pairs)))
    assert stored.counts() == plain_counts(rounds)


@given(ROUNDS, st.integers(0, 30))
def test_a_save_that_ends_after_any_of_its_documents_is_completed_by_the_next(
    rounds: Rounds, cut: int
) -> None:
    stored = Stored()
    for pairs in rounds:
        stored.put(stored.fold(events_of(pairs))[:cut])
        stored.put(stored.fold(events_of(pairs)))
    assert stored.counts() == plain_counts(rounds)


def test_writes_that_are_asked_for_again_are_the_same() -> None:
    state = BucketState(KEY, NAME)
    state.fold({"1-1": [event(f"e{number}") for number in range(10)]})
    assert state.writes(0, is_settled=False) == state.writes(0, is_settled=False)


def test_so_are_those_after_a_split_of_a_part_behind_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 1)
    stored = Stored()
    stored.put(stored.fold(events_of([(0, 0), (1, 0)])))
    state = stored.folded(events_of([(1, 1), (2, 0)]))
    writes = state.writes(0, is_settled=False)
    assert [write.name for write in writes] == [f"{NAME}+2", NAME, f"{NAME}+1"]
    assert state.writes(0, is_settled=False) == writes


def test_a_full_part_is_split_and_no_document_outgrows_its_limit() -> None:
    stored = Stored()
    stored.put(stored.fold(events_of([(location, 0) for location in range(40)])))
    documents = stored.documents.values()
    found = [made.fields.get("entries") for made in documents]
    entries = [len(value) for value in found if isinstance(value, bytes)]
    assert len(entries) > 10
    assert max(entries) <= 250
    assert len(stored.counts()) == 40


def test_a_location_that_alone_is_too_much_has_a_part_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 1)
    stored = Stored()
    stored.put(stored.fold(events_of([(0, 0), (1, 0), (2, 0)])))
    assert len(stored.documents) == 3
    assert set(stored.counts().values()) == {1}


def test_no_document_has_more_digests_than_a_chunk_however_many_come_at_once() -> None:
    stored = Stored()
    stored.put(stored.fold(events_of([(0, number) for number in range(10)])))
    digests = {name.removeprefix(NAME): len(seen_in(made)) for name, made in stored.documents.items()}
    assert digests == {"~0": 3, "~1": 3, "~2": 3, "": 1}


def test_a_chunk_outlives_its_part_and_a_settled_bucket_expires_sooner() -> None:
    state = BucketState(KEY, NAME)
    state.fold({"1-1": [event(f"e{number}") for number in range(4)]})
    expiries = {write.name: write.fields["expire_at"] for write in state.writes(5, is_settled=False)}
    assert expiries == {f"{NAME}~0": 5 + 2 * KEEP_OPEN, NAME: 5 + KEEP_OPEN}
    settled = {write.name: write.fields["expire_at"] for write in state.writes(5, is_settled=True)}
    assert settled[NAME] == 5 + KEEP_SETTLED


def test_further_parts_outlive_the_first_which_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database deletes what has expired in any order; a bucket of which a part is missing is damaged."""
    monkeypatch.setattr(module, "MAX_ENTRIES", 1)
    state = Stored().folded(events_of([(0, 0), (1, 0)]))
    expiries = {write.name: write.fields["expire_at"] for write in state.writes(5, is_settled=True)}
    assert expiries == {f"{NAME}+1": 5 + KEEP_SETTLED + 7 * DAY, NAME: 5 + KEEP_SETTLED}


def test_sums_of_more_than_64_bits_come_back_exact() -> None:
    stored = Stored()
    huge = [event(f"e{number}", sums=(2**63 - 1, -(2**63), 0), risk=2**62) for number in range(5)]
    for member in huge:
        stored.put(stored.fold([member]))
    ((_, window),) = stored.load().windows()
    assert window.categories["rating"][2:] == [5 * (2**63 - 1), -5 * 2**63, 0]
    assert window.risk_sum == 5 * 2**62


def test_an_event_is_a_duplicate_before_it_is_too_late() -> None:
    state = BucketState(KEY, NAME)
    state.fold({"1-100": [event("a")]})
    for _, window in state.windows():
        window.is_final = True
    state.added.clear()
    state.fold({"1-100": [event("a"), event("b")]})
    assert +state.added == {Added.DUPLICATE: 1, Added.TOO_LATE: 1}
    assert state.too_late == [event("b")]
    assert not state.holds(event("b").digest)


@pytest.mark.parametrize(("emitted", "left"), [(6, 1), (7, 0)])
def test_what_is_left_to_emit_are_the_panes_of_later_flushes_than_the_one_that_emitted_last(
    emitted: int, left: int
) -> None:
    state = Stored().load()
    state.fold({"1-0": events_of([(0, 0)])})
    state.fire(Progress(WINDOW, 0, at_end=True, allowed_lateness=timedelta(hours=1)), flush=7)
    assert len(state.emitted_since(emitted)) == left


def test_a_window_that_is_replaced_holds_its_events_and_keeps_each_digest_once() -> None:
    stored = Stored()
    stored.put(stored.fold([event("a")]))
    state = stored.load()
    digests = [event("a").digest, event("b").digest]
    state.replace("1-100", Window(count=2), digests)
    assert state.holds(event("b").digest)
    stored.put(state.writes(0, is_settled=True))
    assert seen_in(stored.documents[NAME]) == digests
    assert stored.counts() == {"1-100": 2}
