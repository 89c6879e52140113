"""Times as microseconds and as text."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from shared.clock import from_micros, iso_text, to_micros

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(MOMENTS)
def test_microseconds_keep_a_moment_exactly(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


@given(MOMENTS)
@example(datetime.min.replace(tzinfo=UTC))
@example(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC))
@example(datetime(2026, 6, 1, 12, 0, tzinfo=UTC))
@example(datetime(2026, 6, 1, 12, 0, 0, 1, UTC))
@example(datetime.max.replace(tzinfo=UTC))
def test_the_text_of_microseconds_is_that_of_their_moment(moment: datetime) -> None:
    assert iso_text(to_micros(moment)) == moment.isoformat()
