"""`cqc features`: what the online store serves for a location now."""

import shlex
from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region, Timeout
from tools.errors import CommandError, UsageError


def features(
    location_id: Annotated[str, typer.Argument(metavar="LOCATION_ID")],
    timeout: Timeout = None,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Show what the online store serves for a location now."""
    from tools.console import console, print_json, table
    from tools.pipeline.connect import connect_online_store
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.pipeline.online_store import TIMEOUT

    if not location_id:
        raise UsageError("LOCATION_ID is empty: name a location, such as 1-466088203")
    options = PipelineOptions(chain, project, region, dataset)
    store = connect_online_store(locate(options))
    values = store.fetch(location_id, timeout or TIMEOUT)
    if as_json:
        served = {
            value.name: {"value": value.value, "generate_time": value.generate_time} for value in values
        }
        print_json({"location_id": location_id, "features": served})
    if not values:
        sql = "SELECT DISTINCT location_id FROM realtime_features"
        lists = shlex.join(["cqc", "query", *options.words(), sql])
        nothing = f"the online store has no values for location {location_id} yet"
        raise CommandError(f"{nothing}: `{lists}` lists those with events")
    if as_json:
        return
    rows = [(value.name, value.value, value.generate_time) for value in values]
    console().print(table(("feature", "value", "event time"), rows, title=f"location {location_id}"))
