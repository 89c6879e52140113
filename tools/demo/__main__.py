"""`nox -s demo`: the whole chain at work, from published lines to tables, and the proof that it adds up."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from rich.console import Console

from tools.console import console, table
from tools.demo.reconciliation import Ledger, drain
from tools.errors import CommandError
from tools.local.chain import Chain, ChainOptions
from tools.local.claim import claimed
from tools.local.signals import stop_on_signals
from tools.pipeline.address import DRIVERS, STATE_FOLDER, ChainAddress, Driver
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.online_store import OnlineStore
from tools.pipeline.publishing import Published, publish
from tools.pipeline.pubsub import PubSub
from tools.pipeline.warehouse import Warehouse
from tools.sampling.mix import Recipe, sample

RECIPE = Recipe(lines=2_000, locations=25, bad=0.03, late=0.02, duplicates=0.05)


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A table to show: what it holds, and the query behind it."""

    title: str
    explanation: str
    sql: str


ONLINE_SHOWN = (
    "alert_severity",
    "areas_assessed",
    "event_type",
    "is_business_hours",
    "new_bed_count",
    "new_overall_rating",
    "page_views",
    "rating_change_direction",
    "real_time_risk_score",
    "window_average_risk_score",
    "window_event_count",
)
"""Some of each category; `cqc features LOCATION_ID` shows all."""

EXHIBITS = (
    Exhibit(
        "Features",
        "One row per event with its features and scores; these are the riskiest.",
        """SELECT location_id, event_type, event_timestamp, real_time_risk_score AS risk,
               event_complexity_score AS complexity, alert_severity, new_overall_rating, is_late
           FROM realtime_features_unique
           ORDER BY real_time_risk_score DESC, event_complexity_score DESC, event_timestamp DESC LIMIT 6""",
    ),
    Exhibit(
        "Window panes",
        "Each location's 5-minute windows, by the pane they were last emitted as.",
        """SELECT window_start, pane, COUNT(*) AS locations, SUM(window_event_count) AS events,
               SUM(late_event_count) AS late_events, ROUND(AVG(average_risk_score), 2) AS average_risk,
               MAX(max_risk_score) AS highest_risk
           FROM realtime_features_aggregated_latest
           GROUP BY window_start, pane ORDER BY window_start, pane""",
    ),
    Exhibit(
        "Dead letters",
        "What could not be used, by reason; the whole message is kept for a replay.",
        """SELECT error_type, stage, COUNT(DISTINCT event_id) AS events, MIN(error_message) AS for_example
           FROM streaming_errors GROUP BY error_type, stage ORDER BY events DESC, error_type""",
    ),
    Exhibit(
        "View latest_realtime_features",
        "The newest row of each location in the last 7 days.",
        """SELECT location_id, event_type, feature_category, event_timestamp, real_time_risk_score AS risk
           FROM latest_realtime_features ORDER BY event_timestamp DESC LIMIT 5""",
    ),
    Exhibit(
        "View hourly_feature_stats",
        "Per hour, event type and category.",
        """SELECT hour, event_type, event_count AS events, ROUND(avg_risk_score, 2) AS risk,
               ROUND(avg_complexity_score, 2) AS complexity, unique_locations AS locations,
               high_severity_alerts AS high_alerts, safeguarding_concerns AS safeguarding,
               enforcement_actions AS enforcement
           FROM hourly_feature_stats ORDER BY event_count DESC LIMIT 6""",
    ),
    Exhibit(
        "View location_risk_summary",
        "Per location, over 24 hours, with the category that a dashboard shows.",
        """SELECT location_id, total_events_24h AS events, ROUND(avg_risk_score_24h, 2) AS average_risk,
               max_risk_score_24h AS highest, high_alerts_24h AS high_alerts,
               safeguarding_events_24h AS safeguarding, latest_event_time, risk_category
           FROM location_risk_summary ORDER BY avg_risk_score_24h DESC LIMIT 6""",
    ),
)


def main() -> None:
    """Exits with 1 when the lines do not add up or the chain fails."""
    parser = argparse.ArgumentParser(prog="nox -s demo --", description=__doc__)
    parser.add_argument("--driver", choices=DRIVERS, default=DRIVERS[0], help="push by default")
    driver = Driver(parser.parse_args().driver)
    started = time.monotonic()
    people = console()
    options = ChainOptions(driver=driver, port_base=0, state=Path.cwd() / STATE_FOLDER / "demo")
    try:
        with stop_on_signals(), claimed(options.state), Chain(options) as chain:
            people.print(f"The chain is up after {time.monotonic() - started:.1f} s.")
            ledger = _run(chain, people)
    except CommandError as error:
        console(stderr=True).print(f"The demo failed: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    people.print(
        f"The demo took {time.monotonic() - started:.1f} s; the logs are in {options.state / 'logs'}."
    )
    sys.exit(0 if ledger.adds_up else 1)


def _run(chain: Chain, people: Console) -> Ledger:
    lines = sample(RECIPE, seed=1, now=datetime.now(UTC))
    published = _publish(chain.address, lines)
    people.print(f"{published.published:,} lines published at {published.events_per_second:,.0f} a second.")
    warehouse = connect_warehouse(chain.address)
    sent = time.monotonic()
    ledger = drain(chain, warehouse, lines)
    people.print(f"All of them were through {time.monotonic() - sent:.1f} s later.\n")
    for exhibit in EXHIBITS:
        result = warehouse.query(exhibit.sql)
        _show(people, exhibit.title, exhibit.explanation, result.columns, result.rows)
        if exhibit.title == "Window panes":
            _show_online(people, chain.address, warehouse)
    _show_ledger(people, ledger)
    return ledger


def _publish(chain: ChainAddress, lines: Sequence[bytes]) -> Published:
    client = PubSub(chain.pubsub)
    try:
        stream = BytesIO(b"\n".join(lines))
        return publish(
            stream, lambda chunk: client.publish(chain.topics["events"], chunk), None, lambda _: None
        )
    finally:
        client.close()


def _show(
    people: Console, title: str, explanation: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    people.print(title, style="bold")
    people.print(explanation)
    people.print(table(columns, rows))


def _show_online(people: Console, chain: ChainAddress, warehouse: Warehouse) -> None:
    sql = "SELECT location_id FROM realtime_features GROUP BY location_id ORDER BY COUNT(*) DESC LIMIT 1"
    busiest = str(warehouse.query(sql).rows[0][0])
    values = OnlineStore(chain.feature_store, chain.feature_view).fetch(busiest)
    rows = [(value.name, value.value, value.generate_time) for value in values if value.name in ONLINE_SHOWN]
    explanation = (
        f"What a model is served for location {busiest} now, {len(rows)} of its {len(values)} features; "
        "each value carries the time of its source event."
    )
    _show(people, "Online store", explanation, ("feature", "value", "event time"), rows)


def _show_ledger(people: Console, ledger: Ledger) -> None:
    rows = (
        ("published lines", ledger.published),
        ("= duplicates", ledger.duplicates),
        ("+ unique features", ledger.unique_features),
        ("+ rejected", ledger.rejected),
        ("unique features", ledger.unique_features),
        ("= counted in windows", ledger.in_windows),
        ("+ too late for their window", ledger.late),
        ("late_event records", ledger.late_records),
    )
    _show(people, "Reconciliation", "Every line is accounted for, to the event.", ("", "events"), rows)
    if ledger.adds_up:
        people.print("It adds up.", style="bold green")
    else:
        people.print("It does NOT add up: see the functions' logs.", style="bold red")


if __name__ == "__main__":
    main()
