"""All checks of a pipeline, side by side and in order: one that a service holds up is a finding."""

import shlex
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from shared.settings import AggregateSettings
from shared.topology import SUBSCRIPTIONS
from shared.windows.state import Layout, Shard
from tools.doctor import flow, probe, windows
from tools.doctor.cloud import Cloud
from tools.doctor.findings import Finding, guarded, ok, unknown, wrong
from tools.doctor.parts import RESTART, Parts, parts_of
from tools.doctor.tables import check_tables, check_views
from tools.doctor.topology import check_subscriptions, check_topics, wirings
from tools.health import cloud_logs
from tools.health.collect import CALL, collect
from tools.health.flush import ShardState, read_states
from tools.health.local import read_log
from tools.pipeline import schedule
from tools.pipeline.address import LOGS, STATE_FOLDER, ChainAddress
from tools.pipeline.connect import connect_pubsub, connect_warehouse, credentials, enter, with_documents
from tools.pipeline.deployment import Deployment, Pipeline
from tools.pipeline.settings import settings_of
from tools.pipeline.side_by_side import Missing, side_by_side

LIMIT = 20.0
"""Seconds for all checks; they take two locally, and each call has its own limit."""
_REASONS = "SELECT stage, error_type, ANY_VALUE(error_message) FROM streaming_errors_unique GROUP BY 1, 2"

Check = Callable[[], Iterator[Finding]]


def checkup(
    pipeline: Pipeline, now: datetime, with_probe: bool = False, naming: Sequence[str] = ()
) -> Iterator[Finding]:
    """Every finding; raises UsageError for wrong settings, and without credentials for a
    deployment.

    `naming` are the words of the command line that name the pipeline, for the commands that fix it.
    """
    enter(pipeline)
    lateness = settings_of(AggregateSettings, pipeline.project).allowed_lateness
    fix = RESTART if isinstance(pipeline, ChainAddress) else terraform_apply(pipeline)
    unanswered: dict[str, str] = {}
    if isinstance(pipeline, ChainAddress):
        parts = parts_of(pipeline, naming)
        checks, unanswered = local_checks(pipeline, fix, parts), parts.unanswered()
    else:
        checks = _deployed(pipeline, fix)
    checks |= {
        "flow": partial(_flow, pipeline, now, naming),
        "BigQuery": partial(_warehouse, pipeline, fix),
        "flush": partial(_flush, pipeline, lateness, fix, naming),
    }
    limit = LIMIT
    if with_probe:
        checks["probe"] = partial(probe.probe, pipeline, _log(pipeline, "parse"))
        limit += probe.patience(pipeline)
    fixes = dict.fromkeys(checks, fix) | unanswered
    made = {name: partial(_made, name, check, fixes[name]) for name, check in checks.items()}
    for name, findings in side_by_side(made, limit).items():
        yield from [wrong(name, findings.reason, fixes[name])] if isinstance(findings, Missing) else findings


def _made(name: str, check: Check, fix: str) -> list[Finding]:
    return list(guarded(name, check(), fix))


def terraform_apply(deployment: Deployment) -> str:
    """The command that makes a deployment what Terraform says; it fails where the variables' file is missing,
    as without them it would set every variable back to its default."""
    return f"terraform -chdir=terraform apply -var-file={shlex.quote(deployment.var_file)}"


def local_checks(chain: ChainAddress, fix: str, parts: Parts) -> dict[str, Check]:
    """By name; of a part that is known to be down nothing else is asked."""
    functions: dict[str, Check] = {
        f"function {name}": partial(_local_function, name, url, parts.fix(name))
        for name, url in chain.functions.items()
    }
    functions |= {f"function {name}": partial(_pulling_function, name, chain) for name in chain.pulled}
    return {
        **functions,
        **{check: partial(iter, [finding]) for check, finding in parts.down().items()},
        "Pub/Sub": partial(_topology, chain, lambda: chain.functions, lambda: chain.pulled, fix),
        "only deployed": _only_deployed,
    }


def _deployed(deployment: Deployment, fix: str) -> dict[str, Check]:
    cloud = Cloud(deployment, credentials(deployment.project), fix)
    return {
        "functions": cloud.functions,
        "Pub/Sub": partial(_topology, deployment, cloud.urls, cloud.pulled, fix),
        "dead-letter IAM": cloud.forwarding,
        "Firestore TTL": cloud.time_to_live,
    }


def _local_function(name: str, url: str, fix: str) -> Iterator[Finding]:
    check = f"function {name}"
    try:
        urllib.request.urlopen(f"{url}/robots.txt", timeout=CALL).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError as error:
        yield wrong(check, f"it does not answer at {url} ({error}): see its log", fix)
        return
    yield ok(check, f"answers at {url}; it runs the code from when the chain was started")


def _pulling_function(name: str, chain: ChainAddress) -> Iterator[Finding]:
    """By its log: it serves no port."""
    check, subscription = f"function {name}", SUBSCRIPTIONS[name]
    if chain.logs is None:
        yield unknown(check, "where the chain's logs are is not known")
    elif not read_log(chain.logs / f"{name}.log").pulls:
        yield wrong(check, f"it has no stream of {subscription} at this moment", _log(chain, name))
    else:
        yield ok(check, f"pulls from {subscription}; it runs the code from when the chain was started")


def _topology(
    pipeline: Pipeline,
    urls: Callable[[], Mapping[str, str]],
    pulled: Callable[[], Collection[str]],
    fix: str,
) -> Iterator[Finding]:
    backing_off = not (isinstance(pipeline, ChainAddress) and pipeline.emulators)
    expected = wirings(pipeline.topics, urls(), pulled(), backing_off)
    client = connect_pubsub(pipeline)
    try:
        yield from check_topics(client, pipeline.topics, fix)
        yield from check_subscriptions(client, expected, fix)
    finally:
        client.close()


def _only_deployed() -> Iterator[Finding]:
    yield unknown("dead-letter IAM", "a local Pub/Sub has no IAM")
    yield unknown("Firestore TTL", "a local Firestore deletes nothing by itself")


def _flow(pipeline: Pipeline, now: datetime, naming: Sequence[str]) -> Iterator[Finding]:
    reasons = shlex.join(["cqc", "query", *naming, _REASONS])
    look = flow.Look(log=partial(_log, pipeline), reasons=reasons)
    yield from flow.judge(collect(pipeline, now, with_flush=False), look)


def _log(pipeline: Pipeline, function: str) -> str:
    """The command that shows a function's log."""
    if isinstance(pipeline, ChainAddress):
        folder = pipeline.logs or Path(STATE_FOLDER, LOGS)
        folder = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        return f"tail -n 20 {shlex.quote(str(folder / f'{function}.log'))}"
    return cloud_logs.read_command(pipeline.project, pipeline.name_prefix, function)


def _warehouse(pipeline: Pipeline, fix: str) -> Iterator[Finding]:
    warehouse = connect_warehouse(pipeline, query_timeout=CALL)
    is_local = isinstance(pipeline, ChainAddress)
    yield from check_tables(warehouse, fix)
    yield from check_views(warehouse, pipeline.project, pipeline.dataset, fix, probe=is_local)


def _flush(pipeline: Pipeline, lateness: timedelta, fix: str, naming: Sequence[str]) -> Iterator[Finding]:
    """Its documents are of one release: what can't be read is fixed by deploying it (`fix`)."""
    layout, states = with_documents(pipeline, read_states, CALL)
    yield ok("windows' layout", f"in this release's format, shards: {len(layout.generations[-1].all())}")
    newest = _newest_pane(pipeline)
    for state in states:
        if isinstance(state, ShardState):
            run = _run_flush(pipeline, layout, state.shard, naming)
            yield windows.judge(state, layout, lateness, newest, run)
        else:
            yield wrong("flush", str(state), fix)


def _newest_pane(pipeline: Pipeline) -> datetime | None:
    sql = "SELECT MAX(aggregation_timestamp) FROM realtime_features_aggregated"
    newest = connect_warehouse(pipeline, query_timeout=CALL).query(sql).rows[0][0]
    return newest.astimezone(UTC) if isinstance(newest, datetime) else None


def _run_flush(pipeline: Pipeline, layout: Layout, shard: Shard, naming: Sequence[str]) -> str:
    """The command that flushes the shard now."""
    if isinstance(pipeline, ChainAddress):
        return shlex.join(["cqc", "flush", *naming])
    shards = layout.generations[-1].shards
    job = schedule.jobs_of(pipeline.model_copy(update={"flush_shards": shards}))[shard.number % shards]
    place = f"--location {pipeline.region} --project {pipeline.project}"
    return f"gcloud scheduler jobs run {job.rsplit('/', 1)[1]} {place}"
