"""All checks of a pipeline, in order."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from shared.settings import AggregateSettings
from shared.windows.documents import Documents
from shared.windows.log import COLLECTION
from shared.windows.state import LAYOUT, Control, Layout, Shard
from tools.doctor.cloud import NAME_PREFIX, PUSH_SUBSCRIPTIONS, Cloud
from tools.doctor.findings import Finding, guarded, ok, unknown, wrong
from tools.doctor.tables import check_tables, check_views
from tools.doctor.topology import check_subscriptions, check_topics, wirings
from tools.doctor.windows import LOOKED_AT, ShardState, judge
from tools.errors import CommandError
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_pubsub, connect_warehouse, credentials, with_documents
from tools.pipeline.deployment import Deployment, Pipeline
from tools.pipeline.flush_state import control_in, layout_in, shards_of

RESTART = "stop `cqc up` with Ctrl-C and start it again: cqc up"
"""What fixes a local chain: it is created from scratch when it starts, within seconds."""


def checkup(pipeline: Pipeline, now: datetime) -> Iterator[Finding]:
    """Every finding; raises UsageError when there are no credentials for a deployment."""
    if isinstance(pipeline, ChainAddress):
        fix = RESTART
        yield from _local_functions(pipeline)
        yield from guarded("Pub/Sub", _topology(pipeline, pipeline.functions, fix), fix)
        yield from _only_deployed()
    else:
        cloud = Cloud(pipeline, credentials(pipeline.project))
        fix = f"terraform -chdir=terraform apply -var project_id={pipeline.project}"
        yield from guarded("functions", cloud.functions(), fix)
        yield from guarded("Pub/Sub", _deployed_topology(pipeline, cloud, fix), fix)
        yield from guarded("dead-letter IAM", cloud.forwarding(), fix)
        yield from guarded("Firestore TTL", cloud.time_to_live(), fix)
        yield from guarded("backlog", cloud.backlogs(now), fix)
    yield from guarded("BigQuery", _warehouse(pipeline, fix), fix)
    yield from guarded("flush", _flush(pipeline, fix), fix)


def _local_functions(chain: ChainAddress) -> Iterator[Finding]:
    for name, url in chain.functions.items():
        check = f"function {name}"
        try:
            urllib.request.urlopen(f"{url}/robots.txt", timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
        except OSError as error:
            yield wrong(check, f"it does not answer at {url} ({error}): see its log", RESTART)
            continue
        yield ok(check, f"answers at {url}; it runs the code from when the chain was started")


def _topology(pipeline: Pipeline, urls: Mapping[str, str], fix: str) -> Iterator[Finding]:
    client = connect_pubsub(pipeline)
    try:
        yield from check_topics(client, pipeline.topics, fix)
        expected = wirings(pipeline.topics, urls)
        yield from check_subscriptions(client, expected, fix)
    finally:
        client.close()


def _deployed_topology(deployment: Deployment, cloud: Cloud, fix: str) -> Iterator[Finding]:
    yield from _topology(deployment, cloud.urls(), fix)


def _only_deployed() -> Iterator[Finding]:
    yield unknown("dead-letter IAM", "a local Pub/Sub has no IAM")
    yield unknown("Firestore TTL", "a local Firestore deletes nothing by itself")
    for name in PUSH_SUBSCRIPTIONS.values():
        yield unknown(f"backlog of {name}", "only Cloud Monitoring knows a backlog's age")


def _warehouse(pipeline: Pipeline, fix: str) -> Iterator[Finding]:
    warehouse = connect_warehouse(pipeline)
    is_local = isinstance(pipeline, ChainAddress)
    yield from check_tables(warehouse, fix, probe=is_local)
    yield from check_views(warehouse, pipeline.project, pipeline.dataset, fix, probe=is_local)


def _flush(pipeline: Pipeline, fix: str) -> Iterator[Finding]:
    """Its documents are of one release: what can't be read is fixed by deploying it (`fix`)."""
    lateness = AggregateSettings(project_id=pipeline.project).allowed_lateness
    layout, states = with_documents(pipeline, _states)
    yield ok("windows' layout", f"in this release's format, shards: {len(layout.generations[-1].all())}")
    newest = _newest_pane(pipeline)
    for state in states:
        if isinstance(state, ShardState):
            run = _run_flush(pipeline, layout, state.shard)
            yield judge(state, layout, lateness, newest, run)
        else:
            yield wrong("flush", str(state), fix)


async def _states(documents: Documents) -> tuple[Layout, list[ShardState | CommandError]]:
    layout = layout_in(await documents.read([LAYOUT]))
    shards = shards_of(layout)
    reading = await documents.read([shard.control for shard in shards])
    states: list[ShardState | CommandError] = []
    for shard in shards:
        try:
            control = control_in(reading, shard) if shard.control in reading.documents else Control()
        except CommandError as error:
            states.append(error)
            continue
        waiting = await documents.list(COLLECTION, control.cursor, LOOKED_AT)
        states.append(ShardState(shard, control, waiting, reading.at))
    return layout, states


def _newest_pane(pipeline: Pipeline) -> datetime | None:
    sql = "SELECT MAX(aggregation_timestamp) FROM realtime_features_aggregated"
    newest = connect_warehouse(pipeline).query(sql).rows[0][0]
    return newest.astimezone(UTC) if isinstance(newest, datetime) else None


def _run_flush(pipeline: Pipeline, layout: Layout, shard: Shard) -> str:
    """The command that flushes the shard now."""
    if not isinstance(pipeline, Deployment):
        return "cqc flush"
    number = "" if layout.generations[-1].shards == 1 else f"-{shard.number}"
    place = f"--location {pipeline.region} --project {pipeline.project}"
    return f"gcloud scheduler jobs run {NAME_PREFIX}-flush{number} {place}"
