"""Segments as bytes: what goes in comes out, and damage is said to be damage."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows.contribution import SUMS, Contribution
from shared.windows.documents import Field, Unreadable
from shared.windows.segment import decode, encode

INT64 = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(-62_135_596_800_000_000, 253_402_300_500_000_000 - 1)
NAMES = st.text(min_size=1, max_size=8)
CONTRIBUTIONS = st.builds(
    Contribution,
    NAMES,
    st.binary(min_size=16, max_size=16),
    TIMES,
    INT64,
    NAMES,
    st.sampled_from(sorted(SUMS)),
    *[INT64] * 5,
)
ONE = Contribution("l", bytes(16), 0, 0, "x", "generic", 1, 2, 3, 4, 5)


@given(st.lists(CONTRIBUTIONS, min_size=1, max_size=20))
def test_what_is_encoded_is_decoded(contributions: list[Contribution]) -> None:
    assert list(decode(encode(contributions))) == contributions


def test_an_event_takes_78_bytes_and_its_names_once() -> None:
    (single, many) = (encode([ONE] * count) for count in (1, 101))
    assert isinstance(single["events"], bytes)
    assert isinstance(many["events"], bytes)
    assert len(many["events"]) - len(single["events"]) == 100 * 78
    assert single["head"] == many["head"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "format": INT64 | NAMES,
            "count": INT64 | st.binary(),
            "head": st.binary(max_size=40) | NAMES,
            "events": st.binary(max_size=200) | INT64,
        },
    )
)
def test_damage_is_unreadable_and_nothing_else(damage: Mapping[str, Field]) -> None:
    fields = encode([ONE, ONE]) | dict(damage)
    try:
        decoded = list(decode(fields))
    except Unreadable:
        return
    assert all(isinstance(event.location_id, str) for event in decoded)


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"count": 3},
        {"count": 1},
        {"events": encode([ONE, ONE])["events"] + b"\0"},  # type: ignore[operator]  # bytes
        {"count": -1},
        {"count": 10**15},
        {"head": b"[]"},
        {"head": b"{}"},
        {"head": b'[["l"],["x"],["tomorrow"]]'},
        {"head": b'[["l"],["x"],[]]'},
        {"head": b'[["l"],[null],["generic"]]'},
        {"head": b'[[1],["x"],["generic"]]'},
        {"head": b'[["l"],["x"],[["generic"]]]'},
        {"head": b'[{"l":0},["x"],["generic"]]'},
    ],
)
def test_what_this_release_would_not_write_is_unreadable(damage: Mapping[str, Field]) -> None:
    with pytest.raises(Unreadable):
        list(decode(encode([ONE, ONE]) | dict(damage)))


@pytest.mark.parametrize("micros", [2**62, -(2**62), 253_402_300_800_000_000, 253_402_300_500_000_000])
def test_an_event_time_that_is_no_time_is_unreadable(micros: int) -> None:
    with pytest.raises(Unreadable, match="time"):
        list(decode(encode([ONE, ONE._replace(event_micros=micros)])))
