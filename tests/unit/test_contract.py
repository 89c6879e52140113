"""The list of metrics that other tests derive from is complete: a field that it lacks would go untested."""

from shared.events import METRICS
from tests.unit.contract import CATEGORIES
from tests.unit.contract import METRICS as CONTRACT


def test_the_contract_has_every_field_of_every_metrics_model() -> None:
    fields = {f"{kind}.{name}" for kind, model in METRICS.items() for name in model.model_fields}
    assert fields - set(map(str, CONTRACT)) == set()


def test_the_contract_has_the_category_of_every_event_type() -> None:
    assert METRICS.keys() - CATEGORIES.keys() == set()
