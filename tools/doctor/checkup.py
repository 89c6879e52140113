"""All checks of a pipeline, in order."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from shared.gcp.firestore import WindowStore
from tools.doctor.cloud import NAME_PREFIX, PUSH_SUBSCRIPTIONS, Cloud
from tools.doctor.findings import Finding, guarded, ok, unknown, wrong
from tools.doctor.tables import check_tables, check_views
from tools.doctor.topology import check_subscriptions, check_topics, wirings
from tools.doctor.windows import LOOKED_AT, Flushes, judge
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_firestore, connect_pubsub, connect_warehouse, credentials
from tools.pipeline.deployment import Deployment, Pipeline

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
    yield from guarded("flush", _flush(pipeline, now), fix)


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


def _flush(pipeline: Pipeline, now: datetime) -> Iterator[Finding]:
    fix = "cqc flush"
    if isinstance(pipeline, Deployment):
        place = f"--location {pipeline.region} --project {pipeline.project}"
        fix = f"gcloud scheduler jobs run {NAME_PREFIX}-flush {place}"
    yield judge(asyncio.run(_flushes(pipeline)), now, fix)


async def _flushes(pipeline: Pipeline) -> Flushes:
    store = WindowStore(connect_firestore(pipeline))
    control = await store.read_control()
    waiting = [segment.appended_at for segment in await store.read_segments(LOOKED_AT)]
    rows = (
        connect_warehouse(pipeline)
        .query("SELECT MAX(aggregation_timestamp) FROM realtime_features_aggregated")
        .rows
    )
    newest = rows[0][0]
    return Flushes(control, waiting, newest.astimezone(UTC) if isinstance(newest, datetime) else None)
