"""Hypothesis strategies: what producers might send, from noise to events that are nearly right."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.unit.contract import CATEGORIES, METRICS, Kind

texts = st.text(max_size=20)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

_GOOD: Mapping[Kind, st.SearchStrategy[Any]] = {
    "text": texts,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.booleans(),
    "texts": st.lists(texts, max_size=4),
    "list": st.lists(json_values, max_size=4),
}


def _metrics(event_type: str) -> st.SearchStrategy[dict[str, Any]]:
    known = {
        metric.name: _GOOD[metric.kind] | st.none() for metric in METRICS if metric.event_type == event_type
    }
    if not known:
        return st.dictionaries(texts, json_values, max_size=5)
    return st.fixed_dictionaries({}, optional=known)


times = st.datetimes(max_value=datetime(2025, 12, 31)).map(lambda moment: f"{moment.isoformat()}Z")


@st.composite
def good_events(draw: st.DrawFn) -> dict[str, Any]:
    """What a well-behaved producer may send, with every metric the right type or null."""
    event_type = draw(st.sampled_from(sorted(CATEGORIES)))
    return {
        "event_id": draw(st.none() | texts),
        "location_id": draw(texts.filter(bool)),
        "event_type": event_type,
        "timestamp": draw(times),
        "metrics": draw(_metrics(event_type)),
    }


@st.composite
def nearly_good_events(draw: st.DrawFn) -> dict[str, Any]:
    """A good event with some fields and metrics replaced by any JSON at all."""
    event = draw(good_events())
    event |= draw(st.dictionaries(st.sampled_from(sorted(event)) | texts, json_values, max_size=2))
    if isinstance(event["metrics"], dict):
        names = st.sampled_from([metric.name for metric in METRICS])
        event["metrics"] |= draw(st.dictionaries(names, json_values, max_size=2))
    return event
