"""The views' own columns, for docs/tables.md; a test compares them with what BigQuery says.

The SQL in terraform/views/ defines them, and its first comment says what the view is for. A view that is
`SELECT *` has the columns of what it reads.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.tables.columns import Column, Value
from tools.paths import ROOT

FOLDER = ROOT / "terraform" / "views"


@dataclass(frozen=True, slots=True)
class View:
    """One view; `columns` is empty where they are those of `source`, the one table or view that it reads."""

    name: str
    purpose: str
    source: str
    columns: Mapping[Column, Value]
    """Each column with an example."""


_HOURLY: Mapping[Column, Value] = {
    Column("hour", "TIMESTAMP", "Start of the hour of the events' time, UTC."): "2026-03-11 11:00:00Z",
    Column("event_type", "STRING", "The type that the producer gave."): "compliance_alert",
    Column("feature_category", "STRING", "The category of that type."): "compliance",
    Column("event_count", "INT64", "Distinct events of the hour, type and category."): 14,
    Column("avg_risk_score", "FLOAT64", "Mean of their real_time_risk_score."): 3.5,
    Column("avg_complexity_score", "FLOAT64", "Mean of their event_complexity_score."): 0.0,
    Column("unique_locations", "INT64", "Distinct locations that they are about."): 9,
    Column("high_severity_alerts", "INT64", "Those with alert_severity high."): 4,
    Column("safeguarding_concerns", "INT64", "Those with a safeguarding concern."): 1,
    Column("enforcement_actions", "INT64", "Those with enforcement action taken."): 0,
}
_RISK: Mapping[Column, Value] = {
    Column("location_id", "STRING", "The care location."): "1-466088203",
    Column("total_events_24h", "INT64", "Distinct events of the last 24 hours of event time."): 6,
    Column("avg_risk_score_24h", "FLOAT64", "Mean of their real_time_risk_score."): 4.5,
    Column("max_risk_score_24h", "INT64", "The highest of them."): 11,
    Column("event_type_diversity", "INT64", "Number of distinct event types."): 3,
    Column("high_alerts_24h", "INT64", "Events with alert_severity high."): 2,
    Column("safeguarding_events_24h", "INT64", "Events with a safeguarding concern."): 1,
    Column("enforcement_events_24h", "INT64", "Events with enforcement action taken."): 1,
    Column("latest_event_time", "TIMESTAMP", "When the newest of them happened."): "2026-03-11 11:59:58Z",
    Column(
        "risk_category",
        "STRING",
        "CRITICAL: mean ≥ 8 or any safeguarding; HIGH: mean ≥ 5 or over 2 high alerts; MEDIUM: ≥ 3; LOW.",
    ): "CRITICAL",
}
_OWN: Mapping[str, Mapping[Column, Value]] = {
    "hourly_feature_stats": _HOURLY,
    "location_risk_summary": _RISK,
}


def views() -> list[View]:
    """Every view of the deployment, by name."""
    return [_view(path.stem, path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.sql"))]


def _view(name: str, sql: str) -> View:
    comment = re.match(r"(?:-- .*\n)+", sql)
    (source,) = set(re.findall(r"`\$\{project\}\.\$\{dataset\}\.(\w+)`", sql))
    purpose = comment[0].replace("-- ", "").replace("\n", " ").strip() if comment else ""
    return View(name, purpose, source, _OWN.get(name, {}))
