"""Round figures to compute a bill by hand."""

from dataclasses import replace
from datetime import date

from tools.cost.measurements import Flush, FlushSize, Measurements, Stage
from tools.cost.model import Basis
from tools.cost.operations import Demand
from tools.cost.prices import Price, Prices


def price(dollars: float) -> Price:
    return Price(dollars, 1.0, "unit", "page", "https://example.com", date(2026, 1, 1), "")


PRICES = Prices(
    run_request=price(4e-7),
    run_vcpu_second=price(3e-5),
    run_gib_second=price(4e-6),
    pool_vcpu_second=price(2e-5),
    pool_gib_second=price(2e-6),
    pubsub_tib=price(40),
    pubsub_export_tib=price(50),
    pubsub_kept_gib_month=price(0.3),
    firestore_write=price(1e-6),
    firestore_read=price(4e-7),
    firestore_delete=price(1e-7),
    bigquery_written_gib=price(0.03),
    bigquery_kept_gib_month=price(0.02),
    bigquery_long_kept_gib_month=price(0.01),
    bigquery_read_tib=price(6),
    storage_kept_gib_month=price(0.02),
    nearline_kept_gib_month=price(0.01),
    coldline_kept_gib_month=price(0.006),
    archive_kept_gib_month=price(0.002),
    storage_write=price(5e-6),
    logging_gib=price(0.5),
    scheduler_job_month=price(0.1),
    alert_metric_month=price(0.3),
    alert_point=price(4e-7),
    feature_store_node_hour=price(0.9),
    dataflow_vcpu_hour=price(0.09),
    dataflow_gib_hour=price(0.004),
    dataflow_disk_gib_hour=price(0.0001),
    dataflow_streaming_gib=price(0.02),
)
STAGE = Stage(
    cpu_us=300.0, busy=0.9, alone_ms=12.0, log_bytes=0.0, calls=((1.0, 1.0), (100.0, 0.5), (2_000.0, 0.025))
)
FLUSH = Flush(
    idle_seconds=0.02,
    us_per_event=20.0,
    us_per_pane=50.0,
    log_bytes=300.0,
    pane_bytes=300.0,
    sizes=(FlushSize(0, 3, 1, 0), FlushSize(1_000, 13, 11, 5), FlushSize(40_000, 203, 201, 25)),
)
MEASURED = Measurements(
    recorded="2026-01-01",
    commit="abc",
    machine="a machine",
    noop_us=50.0,
    event_bytes=464.0,
    parsed_bytes=564.0,
    row_bytes=400.0,
    push={"parse": STAGE, "features": STAGE},
    pull={"parse": replace(STAGE, cpu_us=30.0), "features": replace(STAGE, cpu_us=60.0)},
    flush=FLUSH,
    rounds_of=0,
    rounds_each=0,
    rounds=(),
    starts=(),
)


def basis(
    rate: float, measured: Measurements = MEASURED, locations: int = 55_000, event_bytes: float = 464.0
) -> Basis:
    return Basis(PRICES, measured, Demand(rate, locations, event_bytes))
