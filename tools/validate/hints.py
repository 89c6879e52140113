"""What a producer may have meant by a name that `parse` does not know. Pure."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from functions.parse.decoding import EVENT_FIELDS
from shared.events import METRICS


def hints(event: Mapping[str, object]) -> list[str]:
    """One per misspelt name, such as `metrics.new_bed: did you mean new_beds?`."""
    return [*_of_type(event), *_of_fields(event), *_of_metrics(event)]


def _of_type(event: Mapping[str, object]) -> Iterator[str]:
    kind = event.get("event_type")
    if isinstance(kind, str) and kind not in METRICS and (meant := _closest(kind, METRICS)):
        yield f"event_type {kind}: did you mean {meant}?"


def _of_fields(event: Mapping[str, object]) -> Iterator[str]:
    """Fields beside `metrics`, one of which may be a metric in the wrong place."""
    metrics = _known_metrics(event)
    missing = EVENT_FIELDS - event.keys()
    for name in event.keys() - EVENT_FIELDS:
        if name in metrics:
            yield f"{name}: did you mean metrics.{name}?"
        elif meant := _closest(name, missing):
            yield f"{name}: did you mean {meant}?"


def _of_metrics(event: Mapping[str, object]) -> Iterator[str]:
    metrics, known = event.get("metrics"), _known_metrics(event)
    if not isinstance(metrics, Mapping) or not known:
        return
    for name in metrics.keys() - known:
        if meant := _closest(name, known - metrics.keys()):
            yield f"metrics.{name}: did you mean {meant}?"


def _known_metrics(event: Mapping[str, object]) -> frozenset[str]:
    kind = event.get("event_type")
    return frozenset(METRICS[kind].model_fields) if isinstance(kind, str) and kind in METRICS else frozenset()


def _closest(name: str, known: Mapping[str, object] | frozenset[str]) -> str | None:
    """The known name most like it, whatever its case and with `-` for `_`; None if no name is close."""
    close = get_close_matches(name.lower().replace("-", "_")[:128], sorted(known), n=1)
    return close[0] if close else None
