"""`cqc heal-online`: online values written again from the tables; the work is in tools/heal."""

from tools.commands.options import ChainFile, Dataset, DryRun, Json, Project, RangeFrom, RangeToLast, Region


def heal_online(
    since: RangeFrom,
    until: RangeToLast,
    dry_run: DryRun = False,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Write the online store's values of a range again.

    They are taken from the tables; what the store has that is newer stays.
    """
    from tools.heal.command import run
    from tools.pipeline.deployment import PipelineOptions, locate

    run(locate(PipelineOptions(chain, project, region, dataset)), since, until, dry_run, as_json)
