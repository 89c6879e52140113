"""All facts of a pipeline, asked for side by side: one that a service does not give is Missing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, partial

from shared.topology import FUNCTIONS
from tools.errors import CommandError
from tools.health import cloud_logs, flush, local, monitoring, tables
from tools.health.facts import Facts, Flush, Known, Latency, Logged, Period, Stored, known
from tools.pipeline import google_rest
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_warehouse, credentials, enter, with_documents
from tools.pipeline.deployment import Deployment, Pipeline
from tools.pipeline.google_rest import GoogleRest
from tools.pipeline.pubsub_state import PERIOD, PubSubState, read_state
from tools.pipeline.side_by_side import Missing, Question
from tools.pipeline.warehouse import Warehouse
from tools.pipeline.worker_pools import read_pools

LIMIT = 12.0
"""Seconds for all facts: each call has its own limit below this."""
CALL = 5.0
"""Seconds for a query's result, and for a read of Firestore with its retries."""
EMULATOR = (
    "Google's emulator does not say what its subscriptions hold (`cqc up` without --parts emulators does)"
)


def collect(pipeline: Pipeline, now: datetime, with_flush: bool = True) -> Facts:
    """Raises UsageError when there are no credentials for a deployment.

    Whoever reads the flush's state as well leaves it out here: Google's client logs tracebacks when a second
    event loop ends while it still has calls of the first.
    """
    enter(pipeline)
    if isinstance(pipeline, ChainAddress):
        return _of_chain(pipeline, now, with_flush)
    return _of_deployment(pipeline, now, with_flush)


def _of_chain(chain: ChainAddress, now: datetime, with_flush: bool) -> Facts:
    period = Period(now - timedelta(seconds=PERIOD), now)
    asked = Question(partial(standin_state, chain))
    publishing = Question(lambda: tables.read_published(_warehouse(chain), period.start))
    stored = Question(partial(_stored, chain, period))
    flushed = Question(partial(_flush, chain, with_flush))
    state, published = asked.within(LIMIT), publishing.within(LIMIT)
    answers = known(partial(local.answers, pulled=chain.pulled), state)
    return Facts(
        at=now,
        period=period,
        backlogs=known(lambda seen: local.backlogs(seen, now), state),
        answers=answers,
        flows=known(local.flows, answers),
        latencies=known(lambda seen: known(partial(local.latencies, seen), published), state),
        logged={name: _local_log(chain, name) for name in FUNCTIONS},
        stored=stored.within(LIMIT),
        flush=flushed.within(LIMIT),
    )


def standin_state(chain: ChainAddress) -> PubSubState:
    """Raises CommandError, also for another Pub/Sub than the stand-in."""
    state = read_state(chain.pubsub)
    if state is None:
        raise CommandError(EMULATOR)
    return state


def _local_log(chain: ChainAddress, function: str) -> Known[Logged]:
    if chain.logs is None:
        return Missing("where the chain's logs are is not known")
    try:
        return local.read_log(chain.logs / f"{function}.log")
    except CommandError as error:
        return Missing(str(error))


def _of_deployment(deployment: Deployment, now: datetime, with_flush: bool) -> Facts:
    period = monitoring.period(now)
    rest = GoogleRest(google_rest.authorized(credentials(deployment.project)))
    metrics = monitoring.Monitoring(rest, deployment.project, deployment.name_prefix)
    pulled = cache(lambda: tuple(read_pools(rest, deployment)))
    backlogs = Question(partial(metrics.backlogs, now))
    answers = Question(lambda: metrics.answers(period, pulled()))
    flows = Question(lambda: metrics.flows(period, pulled()))
    delivered = Question(lambda: metrics.latencies(period, pulled()))
    parsed = Question(lambda: tables.read_parsed(_warehouse(deployment), period.start))
    logs = Question(partial(cloud_logs.read_logs, rest, deployment.project, deployment.name_prefix, now))
    stored = Question(partial(_stored, deployment, Period(now - monitoring.LENGTH, now)))
    flushed = Question(partial(_flush, deployment, with_flush))
    logged = logs.within(LIMIT)
    return Facts(
        at=now,
        period=period,
        backlogs=backlogs.within(LIMIT),
        answers=answers.within(LIMIT),
        flows=flows.within(LIMIT),
        latencies=_both(parsed.within(LIMIT), delivered.within(LIMIT)),
        logged={name: logged if isinstance(logged, Missing) else logged[name] for name in FUNCTIONS},
        stored=stored.within(LIMIT),
        flush=flushed.within(LIMIT),
    )


def _both(first: Known[Sequence[Latency]], second: Known[Sequence[Latency]]) -> Known[Sequence[Latency]]:
    """The two stretches of the way; if one can't be learned, the other all the same."""
    learned = [latencies for latencies in (first, second) if not isinstance(latencies, Missing)]
    return [latency for latencies in learned for latency in latencies] if learned else first


def _warehouse(pipeline: Pipeline) -> Warehouse:
    return connect_warehouse(pipeline, query_timeout=CALL)


def _stored(pipeline: Pipeline, period: Period) -> Stored:
    return tables.read_stored(_warehouse(pipeline), period)


def _flush(pipeline: Pipeline, wanted: bool) -> Flush:
    if not wanted:
        raise CommandError("its state was not asked for")
    return flush.summary(*with_documents(pipeline, flush.read_states, CALL))
