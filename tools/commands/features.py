"""`cqc features`: what the online store serves for a location at this moment."""

from pathlib import Path

from tools.console import as_json, console, table
from tools.errors import CommandError
from tools.pipeline import address
from tools.pipeline.online_store import OnlineStore, OnlineValue


def run(location_id: str, chain_file: Path | None, as_machine: bool) -> None:
    """Shows each feature with the time of the event that it comes from."""
    chain = address.find(chain_file)
    values = OnlineStore(chain.feature_store, chain.feature_view).fetch(location_id)
    if as_machine:
        console().out(as_json({"location_id": location_id, "features": {v.name: _plain(v) for v in values}}))
        return
    if not values:
        raise CommandError(
            f"the online store has no values of location {location_id} yet: "
            "`cqc query 'SELECT DISTINCT location_id FROM realtime_features'` lists those with events"
        )
    rows = [(value.name, value.value, value.generate_time) for value in values]
    console().print(table(("feature", "value", "event time"), rows, title=f"location {location_id}"))


def _plain(value: OnlineValue) -> dict[str, object]:
    return {"value": value.value, "generate_time": value.generate_time}
