"""Which feature columns a metric feeds, and what an absent one becomes: found by asking the extraction.

Leaving a metric out of an example that has them all changes exactly the columns that it feeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

import orjson

from functions.features.extraction import extract
from shared.events import METRICS
from shared.settings import FeaturesSettings
from shared.tables.columns import CATEGORY_COLUMNS, REALTIME_FEATURES, Row, Value
from tools.generate.event_examples import EXAMPLES, NOW
from tools.validate.checking import Accepted, Checker

TYPES = tuple(METRICS)
"""The event types whose metrics are known."""
DESCRIPTIONS = {column.name: column.description for column in REALTIME_FEATURES.columns}
"""Column of realtime_features to what it means."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of an event type."""

    name: str
    columns: Mapping[str, Value]
    """The feature columns that it feeds, each with its value in an event without any metric."""


def row(event_type: str, metrics: Mapping[str, object]) -> Row:
    """The example's row of realtime_features with these metrics."""
    zone: ZoneInfo = FeaturesSettings.model_construct(project_id="-").feature_timezone
    event = EXAMPLES[event_type].accepted(event_type) | {"metrics": metrics}
    verdict = Checker().check(orjson.dumps(event), NOW)
    assert isinstance(verdict, Accepted), verdict
    return extract(verdict.event, zone) | {"is_late": False}


@cache
def metrics_of(event_type: str) -> Sequence[Metric]:
    """In the order of the model."""
    whole = EXAMPLES[event_type].metrics
    empty, full = row(event_type, {}), row(event_type, whole)
    columns = [column.name for column in CATEGORY_COLUMNS[str(full["feature_category"])]]
    return [
        Metric(name, {column: empty[column] for column in columns if without[column] != full[column]})
        for name in METRICS[event_type].model_fields
        for without in [row(event_type, {key: value for key, value in whole.items() if key != name})]
    ]


@cache
def optional_features() -> Mapping[str, str]:
    """Feature column to when it is null in an event of its category; the others never are."""
    found = {
        column: _reason(event_type, column)
        for event_type in TYPES
        for column, value in row(event_type, {}).items()
        if value is None and any(column in metric.columns for metric in metrics_of(event_type))
    }
    return found | {f"generic_metric_{n}": f"`value_{n}` is absent" for n in (1, 2, 3)}


def _reason(event_type: str, column: str) -> str:
    feeds = [f"`{metric.name}`" for metric in metrics_of(event_type) if column in metric.columns]
    return f"{' or '.join(feeds)} is absent"
