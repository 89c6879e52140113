"""The three bills: the chain by push, the chain by pull, and a Dataflow job in its place. Pure.

Each is prices × operations. What comes on top of any of the three is a bill of its own: what is charged later
only, and the feature store.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tools.cost import assumptions as a
from tools.cost.bill import Bill, Line, bill
from tools.cost.measurements import Measurements, Stage
from tools.cost.operations import Demand, Use, Volumes, alone, flushes, pulled, pushed, together
from tools.cost.prices import Prices

GIB, TIB = 2**30, 2**40
DAY = 86_400
RUN, PUBSUB, FIRESTORE, BIGQUERY = "Cloud Run", "Pub/Sub", "Firestore", "BigQuery"
LOGGING, STORAGE, SCHEDULER, NETWORK = "Logging", "Cloud Storage", "Scheduler", "Network"
MONITORING, ONLINE = "Monitoring", "Feature store"


@dataclass(frozen=True, slots=True)
class Basis:
    """All that a bill is made from."""

    prices: Prices
    measured: Measurements
    demand: Demand

    @property
    def volumes(self) -> Volumes:
        return Volumes.of(self.measured, self.demand)


def push(basis: Basis) -> Bill:
    """Pub/Sub pushes each event in a request of its own."""
    fed = basis.demand.rate + a.HEARTBEATS
    uses = {name: pushed(basis.measured.push[name], fed) for name in a.STAGES}
    requests = fed * a.MONTH * len(a.STAGES) + a.FLUSHES
    return bill(
        "push",
        _requests(basis, requests),
        _instances(uses, basis.prices.run_vcpu_second.each, basis.prices.run_gib_second.each),
        _aggregate(basis),
        _hops(basis, uses["parse"], alone),
        _chain(basis, uses["features"], basis.measured.push),
        _request_logs(basis, requests),
    )


def pull(basis: Basis) -> Bill:
    """The same stages in worker pools that pull: several messages come in a response."""
    fed, prices = basis.demand.rate + a.HEARTBEATS, basis.prices
    uses = {name: pulled(basis.measured.pull[name], fed) for name in a.STAGES}
    return bill(
        "pull",
        _requests(basis, a.FLUSHES),
        _instances(uses, prices.pool_vcpu_second.each, prices.pool_gib_second.each),
        _aggregate(basis),
        _hops(basis, uses["parse"], lambda size: together(size, uses["parse"].calls)),
        _chain(basis, uses["features"], basis.measured.pull),
        _request_logs(basis, a.FLUSHES),
    )


def dataflow(basis: Basis) -> Bill:
    """One streaming job: one hop, state in Streaming Engine, at least one worker at any time."""
    prices, demand = basis.prices, basis.demand
    workers = max(1.0, demand.rate / a.DATAFLOW_EVENTS_A_WORKER)
    hourly = (
        a.DATAFLOW_VCPUS * prices.dataflow_vcpu_hour.each
        + a.DATAFLOW_GIB * prices.dataflow_gib_hour.each
        + a.DATAFLOW_DISK_GIB * prices.dataflow_disk_gib_hour.each
    )
    through = demand.month * a.DATAFLOW_BYTES_AN_EVENT / GIB * prices.dataflow_streaming_gib.each
    size = basis.volumes.event
    hop = demand.month * (alone(size) + size) / TIB * prices.pubsub_tib.each
    return bill(
        "Dataflow",
        [
            Line("Dataflow", "workers", workers * hourly * a.MONTH / 3600),
            Line("Dataflow", "Streaming Engine", through),
            Line(PUBSUB, "to the job", hop),
        ],
        _in_any_case(basis),
    )


def _requests(basis: Basis, requests: float) -> Iterator[Line]:
    yield Line(RUN, "requests", requests * basis.prices.run_request.each)


def _instances(uses: dict[str, Use], vcpu: float, gib: float) -> Iterator[Line]:
    for name, use in uses.items():
        second = vcpu + gib * a.MEMORY_GIB[name]
        yield Line(RUN, f"instance time, {name}", use.instances * a.MONTH * second)


def _aggregate(basis: Basis) -> Iterator[Line]:
    prices = basis.prices
    second = prices.run_vcpu_second.each + prices.run_gib_second.each * a.MEMORY_GIB["aggregate"]
    yield Line(RUN, "instance time, aggregate", flushes(basis.measured, basis.demand).seconds * second)


def _hops(basis: Basis, parse: Use, delivered: Callable[[float], float]) -> Iterator[Line]:
    """Bytes published and delivered; `delivered` is what Pub/Sub bills for the delivery of a message."""
    volumes, month = basis.volumes, basis.demand.month
    each = basis.prices.pubsub_tib.each / TIB
    beats = a.HEARTBEATS * a.MONTH * a.MINIMUM_BYTES
    first = month * (alone(volumes.event) + delivered(volumes.event)) + 2 * beats
    second = month * (together(volumes.parsed, parse.calls) + delivered(volumes.parsed)) + 2 * beats
    yield Line(PUBSUB, "to parse", first * each)
    yield Line(PUBSUB, "to features", second * each)


def _chain(basis: Basis, features: Use, stages: Mapping[str, Stage]) -> Iterator[Line]:
    """What the chain has and the job has not: the windows' documents, its own log and its schedule."""
    prices, demand = basis.prices, basis.demand
    segments = demand.month * features.calls
    write, read, delete = (
        price.each for price in (prices.firestore_write, prices.firestore_read, prices.firestore_delete)
    )
    yield Line(FIRESTORE, "window log", segments * (write + read + delete))
    size = flushes(basis.measured, demand).size
    documents = size.written * write + size.read * read + size.new * delete
    yield Line(FIRESTORE, "windows", a.FLUSHES * documents)
    logged = a.FLUSHES * basis.measured.flush.log_bytes
    logged += demand.month * sum(stage.log_bytes for name, stage in stages.items() if name in a.STAGES)
    yield Line(LOGGING, "the functions' own", logged / GIB * prices.logging_gib.each)
    yield Line(SCHEDULER, "jobs", a.SCHEDULER_JOBS * prices.scheduler_job_month.each)
    yield from _in_any_case(basis)


def _in_any_case(basis: Basis) -> Iterator[Line]:
    """What any pipeline between the same topic and the same tables has."""
    prices, demand = basis.prices, basis.demand
    rows = _rows(basis)
    yield Line(BIGQUERY, "rows written", rows / GIB * prices.bigquery_written_gib.each)
    yield Line(BIGQUERY, "a month's rows, kept a month", rows / GIB * prices.bigquery_kept_gib_month.each)
    size = basis.volumes.event
    day = demand.rate * DAY * size / GIB * prices.pubsub_kept_gib_month.each
    yield Line(PUBSUB, "seven days kept, to seek back", day * a.KEPT_DAYS)
    yield Line(PUBSUB, "the monitor's backlog, if nobody pulls", day * a.BACKLOG_DAYS)
    archived = demand.month * size
    yield Line(PUBSUB, "to the archive", archived / TIB * prices.pubsub_export_tib.each)
    files = (a.MONTH / a.ARCHIVE_SECONDS if archived else 0.0) + archived / a.ARCHIVE_BYTES
    kept = archived / GIB * prices.storage_kept_gib_month.each + files * prices.storage_write.each
    yield Line(STORAGE, "a month's archive, kept a month", kept)
    yield Line(NETWORK, "egress: all in one region", 0.0)


def _rows(basis: Basis) -> float:
    """Bytes of a month's rows and panes."""
    panes = flushes(basis.measured, basis.demand).panes * basis.measured.flush.pane_bytes
    return basis.demand.month * basis.measured.row_bytes + panes


def on_top(basis: Basis) -> Bill:
    """What is charged later than in the first month, or for what is not deployed by default."""
    return bill("on top", _later(basis), _feature_store(basis))


def _later(basis: Basis) -> Iterator[Line]:
    prices, day = basis.prices, DAY / a.MONTH / GIB
    alerts = a.ALERT_METRICS * prices.alert_metric_month.each
    alerts += a.ALERT_SERIES * a.ALERT_EVALUATIONS * prices.alert_point.each
    yield Line(MONITORING, "alerts, from September 2027", alerts)
    active = prices.bigquery_kept_gib_month.each
    long = (a.KEPT_ROWS_DAYS - a.ACTIVE_DAYS) * prices.bigquery_long_kept_gib_month.each
    kept = _rows(basis) * (day * (a.ACTIVE_DAYS * active + long) - active / GIB)
    yield Line(BIGQUERY, "rows of the months before, once 730 days are kept", kept)
    standard = prices.storage_kept_gib_month.each
    of_class = {
        "standard": standard,
        "nearline": prices.nearline_kept_gib_month.each,
        "coldline": prices.coldline_kept_gib_month.each,
        "archive": prices.archive_kept_gib_month.each,
    }
    files = sum(days * of_class[name] for name, days in a.ARCHIVE_DAYS.items())
    archived = basis.demand.month * basis.volumes.event * (day * files - standard / GIB)
    yield Line(STORAGE, "archive of the months before, once 730 days are kept", archived)


def _feature_store(basis: Basis) -> Iterator[Line]:
    node = basis.prices.feature_store_node_hour.each * a.MONTH / 3600
    yield Line(ONLINE, "one node, if it is enabled", node)
    panes = flushes(basis.measured, basis.demand).panes
    month = basis.demand.month * a.SYNC_EVENT_BYTES + panes * a.SYNC_PANE_BYTES
    # A sync reads the newest days; the syncs of a month, each of its days as often as it is among these.
    read = month * a.SYNCS_A_DAY * a.SYNC_DAYS
    yield Line(
        ONLINE, "its sync's queries, if it is enabled", read / TIB * basis.prices.bigquery_read_tib.each
    )


def _request_logs(basis: Basis, requests: float) -> Iterator[Line]:
    kept = requests * a.REQUEST_LOG_SAMPLE * a.REQUEST_LOG_BYTES / GIB
    yield Line(LOGGING, "Cloud Run's requests, 0.1 % kept", kept * basis.prices.logging_gib.each)


BILLS: Mapping[str, Callable[[Basis], Bill]] = {"push": push, "pull": pull, "Dataflow": dataflow}
