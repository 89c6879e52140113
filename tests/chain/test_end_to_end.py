"""A mixed sample through the real functions: everything is accounted for, to the event."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from shared.dead_letters.record import read_hints
from tests.support.chain import PULLED, PUSHED, Run, command
from tools.pipeline.flushing import flush
from tools.pipeline.online_store import OnlineStore
from tools.sampling.mix import bad_kinds

# The other tests on these chains hold whichever way the messages come. A fourth chain takes 20 s.
ON_BOTH_DRIVERS = [
    *PUSHED,
    *(pytest.param(each, marks=() if each.is_quick else pytest.mark.outages) for each in PULLED),
]
pytestmark = pytest.mark.parametrize("chain", ON_BOTH_DRIVERS, ids=str, indirect=True, scope="session")


def rows(run: Run, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in run.warehouse.query(sql).rows]


def test_published_lines_are_duplicates_unique_features_and_rejections(run: Run) -> None:
    assert run.ledger.arrived, run.ledger
    counts = run.recipe.counts()
    assert run.ledger.duplicates == counts.duplicates
    assert run.ledger.rejected == counts.bad
    assert run.ledger.late == counts.late
    assert run.ledger.unique_features == counts.good + counts.late


def test_each_event_is_counted_once_in_its_window_or_recorded_as_late(run: Run) -> None:
    assert run.ledger.folded, run.ledger
    assert run.ledger.in_windows == run.ledger.unique_features - run.ledger.late


def test_dead_letters_carry_the_reason_of_their_bad_line(run: Run) -> None:
    counts = run.recipe.counts()
    caused = Counter(kind.error_type.value for kind in bad_kinds(counts.bad))
    caused["late_event"] = counts.late
    sql = "SELECT error_type, COUNT(DISTINCT event_id) FROM streaming_errors GROUP BY error_type"
    assert {str(reason): count for reason, count in rows(run, sql)} == caused


def test_a_rejected_message_is_kept_whole(run: Run) -> None:
    payloads = [payload for (payload,) in rows(run, "SELECT DISTINCT payload FROM streaming_errors")]
    assert all(line in payloads for line in run.lines if line.startswith(b"location"))
    assert any(line in payloads for line in run.lines if len(line) > 300_000)


def test_every_event_id_is_kept(run: Run) -> None:
    sent = {hints.event_id for hints in map(read_hints, run.lines)} - {None}
    sql = "SELECT event_id FROM realtime_features UNION DISTINCT SELECT event_id FROM streaming_errors"
    assert sent <= {event_id for (event_id,) in rows(run, sql)}


def test_every_window_that_has_ended_has_one_on_time_pane_and_none_is_final(run: Run) -> None:
    """Also those whose last events were still in flight at the first flush: they have a late pane as well."""
    now = datetime.now(UTC)
    flush(run.chain.address.functions["aggregate"])
    sql = f"""
    SELECT location_id, window_start, COUNT(DISTINCT IF(pane = 'on_time', revision, NULL)),
      COUNTIF(is_final)
    FROM realtime_features_aggregated WHERE window_end <= TIMESTAMP '{now.isoformat()}'
    GROUP BY location_id, window_start
    """
    assert {(on_time, final) for _, _, on_time, final in rows(run, sql)} == {(1, 0)}


def test_the_online_store_serves_each_location_its_newest_event(run: Run) -> None:
    store = OnlineStore(run.chain.address.feature_store, run.chain.address.feature_view)
    newest = rows(run, "SELECT location_id, MAX(event_timestamp) FROM realtime_features GROUP BY location_id")
    assert len(newest) == 20
    for location_id, event_time in newest:
        served = {value.name: value for value in store.fetch(str(location_id))}
        assert served["real_time_risk_score"].generate_time == event_time
        assert served["window_event_count"].value


def test_another_flush_changes_nothing(run: Run) -> None:
    count = "SELECT SUM(window_event_count) FROM realtime_features_aggregated_latest"
    before = rows(run, count)
    summary = flush(run.chain.address.functions["aggregate"])
    assert summary["events_folded"] == 0
    assert rows(run, count) == before


def test_the_doctor_finds_every_subscription_as_it_must_be(run: Run) -> None:
    found = json.loads(command(run.chain, "doctor", "--json").stdout)
    verdicts = [each["verdict"] for each in found if each["check"].startswith("subscription ")]
    assert verdicts == ["ok"] * 4
