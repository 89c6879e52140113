"""One location's window: the same whatever the order, and never larger than a document."""

from datetime import timedelta
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.aggregate import window as module
from functions.aggregate.triggers import Progress, due
from functions.aggregate.window import Window, stored_fields
from shared.windows.contribution import SUMS, Contribution
from shared.windows.key import WINDOW_MICROS
from tests.simulation.laws import fold
from tests.support.flush_harness import WINDOW, event

SMALL = st.integers(0, 1000)


@st.composite
def contributions(draw: st.DrawFn) -> Contribution:
    at = st.integers(WINDOW, WINDOW + WINDOW_MICROS - 1)
    category = draw(st.sampled_from(sorted(SUMS)))
    sums = [draw(st.integers(-1000, 1000)) for _ in range(3)]
    return Contribution(
        "l",
        b"",
        draw(at),
        draw(at) + draw(SMALL),
        draw(st.text(max_size=3)),
        category,
        draw(SMALL),
        draw(SMALL),
        *sums,
    )


def folded(events: list[Contribution]) -> Window:
    window = Window()
    for member in events:
        window.add(member, WINDOW + WINDOW_MICROS)
    return window


@given(st.lists(contributions(), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_fold_is_the_plain_definition_in_any_order_and_through_the_database(
    events: list[Contribution], random: Random
) -> None:
    window = folded(random.sample(events, len(events)))
    restored = Window(*orjson.loads(orjson.dumps(stored_fields(window))))
    assert window.fold() == restored.fold() == fold(events)


@pytest.mark.parametrize(("arrival", "late"), [(-1, 0), (0, 1)])
def test_an_event_that_arrives_at_its_windows_end_itself_is_late(arrival: int, late: int) -> None:
    end = WINDOW + WINDOW_MICROS
    window = folded([event("a")._replace(arrival_micros=end + arrival)])
    assert window.fold()["late_event_count"] == late


@given(st.lists(st.text("abä", min_size=1, max_size=6), max_size=40), st.randoms(use_true_random=False))
def test_which_type_names_a_full_window_keeps_does_not_depend_on_their_order(
    names: list[str], random: Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_EVENT_TYPES", 5)
        patch.setattr(module, "MAX_EVENT_TYPES_BYTES", 60)
        patch.setattr(module, "_FEW", 0)
        kept = {
            tuple(sorted(folded([event(name, event_type=name) for name in order]).event_types))
            for order in (names, sorted(names), random.sample(names, len(names)))
        }
    (only,) = kept
    assert list(only) == sorted(set(names))[: len(only)]
    assert len(only) <= 5
    assert sum(6 * len(name) for name in only[:-1]) <= 60


def test_the_most_and_longest_type_names_leave_room_in_a_document() -> None:
    names = [f"{number:04}" + "\x00" * 124 for number in range(2_000)]
    window = folded([event(name, event_type=name) for name in names])
    assert len(orjson.dumps(stored_fields(window))) < 210_000
    short = folded([event(f"{number:04}", event_type=f"{number:04}") for number in range(2_000)])
    assert len(short.event_types) == 1_000


@pytest.mark.parametrize(
    ("total", "shown"),
    [(2**63 - 1, 2**63 - 1), (2**63, 2**63 - 1), (2**65, 2**63 - 1), (-(2**63), -(2**63) + 1), (-5, -5)],
)
def test_a_total_beyond_64_bits_stops_at_the_end(total: int, shown: int) -> None:
    window = folded([event("a", sums=(total, 1, 2), event_type="x", category="inspection")])
    totals = orjson.loads(str(window.fold()["aggregated_features"]))["inspection"]
    assert totals["total_inspector_count"] == shown
    assert (totals["follow_ups_required"], totals["high_priority_inspections"]) == (1, 2)


@pytest.mark.parametrize(
    ("pane", "has_new", "has_ended", "settles", "owed"),
    [
        ("", True, False, False, ("early", False)),
        ("early", True, False, False, ("early", False)),
        ("early", False, False, False, None),
        ("early", False, True, False, ("on_time", False)),
        ("", True, True, False, ("on_time", False)),
        ("early", False, True, True, ("on_time", True)),
        ("on_time", False, True, False, None),
        ("on_time", True, True, False, ("late", False)),
        ("late", True, True, False, ("late", False)),
        ("late", False, True, True, ("late", True)),
        ("on_time", True, False, False, ("late", False)),
    ],
)
def test_the_pane_that_is_due(
    pane: str, has_new: bool, has_ended: bool, settles: bool, owed: tuple[str, bool] | None
) -> None:
    assert due(Window(pane=pane), has_new, has_ended, settles) == owed
    assert due(Window(pane=pane, is_final=True), has_new, has_ended, settles) is None


@pytest.mark.parametrize(
    ("now", "watermark", "at_end", "has_ended"),
    [
        (WINDOW_MICROS - 1, 0, True, False),
        (WINDOW_MICROS, 0, True, True),
        (WINDOW_MICROS, 0, False, False),  # the present is past it, and events before it may be unread
        (0, WINDOW_MICROS, False, True),
        (0, WINDOW_MICROS - 1, False, False),
    ],
)
def test_a_windows_end_has_come_with_the_present_or_with_the_watermark(
    now: int, watermark: int, at_end: bool, has_ended: bool
) -> None:
    progress = Progress(now, watermark, at_end, timedelta(0))
    assert progress.has_ended(0) is has_ended
