"""Percentiles and slopes, of what a run may really give."""

from math import inf, isclose, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.load.figures import percentiles, slope

NUMBERS = st.floats(-1e6, 1e6)


def test_percentiles_are_values_that_occurred() -> None:
    found = percentiles([float(number) for number in range(100, 0, -1)])
    assert found is not None
    assert (found.count, found.p50, found.p95, found.p99, found.max) == (100, 50, 95, 99, 100)


def test_a_single_value_is_every_percentile_and_none_is_none() -> None:
    single = percentiles([3.0])
    assert single is not None
    assert (single.p50, single.p99, single.max) == (3.0, 3.0, 3.0)
    assert percentiles([]) is None


@pytest.mark.parametrize("strange", [nan, inf, -inf])
def test_a_latency_that_is_no_number_is_an_error_and_not_a_percentile(strange: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        percentiles([1.0, strange])


@given(st.lists(NUMBERS, min_size=1))
def test_a_higher_percentile_is_never_smaller(values: list[float]) -> None:
    found = percentiles(values)
    assert found is not None
    assert min(values) <= found.p50 <= found.p95 <= found.p99 <= found.max == max(values)


@given(st.integers(-1_000, 1_000), st.integers(-1_000, 1_000), st.integers(3, 50))
def test_a_straight_line_has_its_slope_without_an_error(rise: int, start: int, count: int) -> None:
    found = slope([(float(x), start + rise * float(x)) for x in range(count)])
    assert found is not None
    assert isclose(found.value, rise, abs_tol=1e-6)
    assert found.error < 1e-6


def test_noise_around_a_level_is_flat_and_a_leak_in_the_same_noise_is_not() -> None:
    noise = [1.0, -1.0, 0.5, -0.5, 0.2, -0.2] * 10
    flat = slope([(float(x), 100 + value) for x, value in enumerate(noise)])
    leak = slope([(float(x), 100 + 0.2 * x + value) for x, value in enumerate(noise)])
    assert flat is not None
    assert leak is not None
    assert (flat.is_flat, leak.is_flat) == (True, False)


@pytest.mark.parametrize("points", [[], [(1.0, 2.0)], [(0.0, 0.0), (1.0, 1.0)], [(5.0, 1.0)] * 10])
def test_too_few_points_or_a_single_time_have_no_slope(points: list[tuple[float, float]]) -> None:
    assert slope(points) is None
