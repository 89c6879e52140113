"""The list of metrics that other tests derive from is complete: a field that it lacks would go untested."""

from shared.events import METRICS
from tests.unit.contract import CATEGORIES
from tests.unit.contract import METRICS as CONTRACT


def test_the_contract_has_every_field_of_every_metrics_model() -> None:
    fields = [(kind, name) for kind, model in METRICS.items() for name in model.model_fields]
    assert [(metric.event_type, metric.name) for metric in CONTRACT] == fields


def test_the_contract_has_the_category_of_every_event_type() -> None:
    assert [kind for kind in CATEGORIES if kind in METRICS] == list(METRICS)
