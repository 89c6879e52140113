"""The prices of europe-west2: a dated file with a source for each."""

import json
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from tools.errors import CommandError

FILE = Path(__file__).parent / "prices.json"


@dataclass(frozen=True, slots=True)
class Price:
    """One list price: `dollars` for so many of a unit, and where it is from."""

    dollars: float
    count: float
    unit: str
    basis: str
    url: str
    read: date
    note: str

    @property
    def each(self) -> float:
        """Dollars for one."""
        return self.dollars / self.count


@dataclass(frozen=True, slots=True)
class Prices:
    """Every price that a bill needs; the names are the file's."""

    run_request: Price
    run_vcpu_second: Price
    run_gib_second: Price
    pool_vcpu_second: Price
    pool_gib_second: Price
    pubsub_tib: Price
    pubsub_export_tib: Price
    pubsub_kept_gib_month: Price
    firestore_write: Price
    firestore_read: Price
    firestore_delete: Price
    bigquery_written_gib: Price
    bigquery_kept_gib_month: Price
    bigquery_long_kept_gib_month: Price
    bigquery_read_tib: Price
    storage_kept_gib_month: Price
    nearline_kept_gib_month: Price
    coldline_kept_gib_month: Price
    archive_kept_gib_month: Price
    storage_write: Price
    logging_gib: Price
    scheduler_job_month: Price
    alert_metric_month: Price
    alert_point: Price
    feature_store_node_hour: Price
    dataflow_vcpu_hour: Price
    dataflow_gib_hour: Price
    dataflow_disk_gib_hour: Price
    dataflow_streaming_gib: Price

    def all(self) -> dict[str, Price]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def read(self) -> tuple[date, date]:
        """The first and the last day on which one was read."""
        days = [price.read for price in self.all().values()]
        return min(days), max(days)


def load(file: Path = FILE) -> tuple[Prices, dict[str, str]]:
    """The prices, and what each basis means; raises CommandError for a file that lacks one or has another."""
    try:
        whole = json.loads(file.read_text("utf-8"))
        found = {name: _price(entry) for name, entry in whole["prices"].items()}
        return Prices(**found), dict(whole["basis"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandError(
            f"{file} is no list of prices ({error}): take the committed one, `git checkout {file.name}`"
        ) from error


def _price(entry: dict[str, Any]) -> Price:
    return Price(
        dollars=float(entry["dollars"]),
        count=float(entry["for"]),
        unit=str(entry["unit"]),
        basis=str(entry["basis"]),
        url=str(entry["url"]),
        read=date.fromisoformat(entry["read"]),
        note=str(entry["note"]),
    )
