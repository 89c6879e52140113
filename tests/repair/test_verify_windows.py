"""Settled windows against their rows, on the chain's Firestore and BigQuery, in a project per test."""

import json
from datetime import timedelta

import pytest

from shared.clock import utc_now
from tests.repair.scratch import ScratchPipeline, item
from tests.support.chain import STAND_IN
from tests.support.command_line import Answer, Invoke

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)


def verify(invoke: Invoke, scratch: ScratchPipeline, *options: str) -> Answer:
    return invoke("verify-windows", "--from", "4h", "--chain", str(scratch.file), *options)


def test_windows_of_every_kind_of_event_agree_with_their_rows(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    kinds = ("inspection_update", "rating_change", "capacity_update", "compliance_alert", "fire_drill")
    items = [
        item(event_type=kind, location_id=f"1-{number % 2}", metrics={}) for number, kind in enumerate(kinds)
    ]
    scratch.write([*items, items[0]])
    scratch.settle()
    answer = verify(invoke, scratch, "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["compared"], said["unsettled"], said["differences"]) == (2, 0, [])


def test_an_event_that_its_window_missed_is_listed_and_fixed_once(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    counted, missed = item(location_id="1-1"), item(location_id="1-1")
    lost = item(location_id="1-2")
    scratch.write([counted])
    scratch.write([missed, lost], counted=False)
    scratch.settle()

    listed = verify(invoke, scratch)
    assert listed.code == 1
    assert "window_event_count: 1 instead of 2" in " ".join(listed.out.split())
    assert "2 of 2 windows differ from their rows: --repair fixes them" in listed.err

    repaired = verify(invoke, scratch, "--repair", "--json")
    assert repaired.code == 0, repaired.err
    assert json.loads(repaired.out)["repaired"] == 2
    assert json.loads(verify(invoke, scratch, "--repair", "--json").out)["differences"] == []

    assert scratch.is_counted([counted, missed, lost, item(location_id="1-1")]) == [True, True, True, False]
    panes = scratch.warehouse.query(
        "SELECT location_id, revision, pane, is_final, window_event_count "
        "FROM realtime_features_aggregated_latest ORDER BY location_id"
    )
    assert [tuple(row)[2:] for row in panes.rows] == [("late", True, 2), ("on_time", True, 1)]


def test_an_event_whose_row_says_late_although_its_window_counts_it_is_listed_and_fixed(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    counted, late = item(location_id="1-1"), item(location_id="1-1")
    scratch.write([counted, late])
    scratch.write([late], counted=False, is_late=True)
    scratch.settle()
    listed = verify(invoke, scratch, "--json")
    (difference,) = json.loads(listed.out)["differences"]
    assert difference["difference"].endswith("counted, though late: " + str(late.row["event_id"]))
    assert verify(invoke, scratch, "--repair").code == 0


def test_a_window_whose_rows_are_gone_is_listed_without_advising_a_repair(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    scratch.write([item()])
    scratch.settle()
    scratch.warehouse.query("DELETE FROM realtime_features WHERE TRUE")
    for options in ((), ("--repair",)):
        answer = verify(invoke, scratch, *options)
        assert answer.code == 1
        assert "1 of 1 windows differ from their rows: they have no rows, so what they should" in answer.err


def test_what_was_not_compared_is_said_with_the_reason(scratch: ScratchPipeline, invoke: Invoke) -> None:
    assert "these windows have no event in realtime_features, and no pane" in verify(invoke, scratch).out
    scratch.write([item()])
    assert "no window is settled, for no flush has run (cqc flush)" in verify(invoke, scratch).out
    scratch.flush(timedelta(hours=4))
    said = json.loads(verify(invoke, scratch, "--json").out)
    assert (said["compared"], said["unsettled"]) == (0, 1), "for the flush it is still open"


def test_a_window_that_the_flush_has_not_settled_is_not_compared(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    scratch.write([item(timestamp=utc_now().isoformat())])
    scratch.flush(timedelta(hours=1))
    answer = verify(invoke, scratch, "--json", "--to", "2099-01-01T00:00:00Z")
    said = json.loads(answer.out)
    assert answer.code == 0
    assert (said["compared"], said["unsettled"]) == (0, 1)
    assert "it settles a window when it has read on to 1:00:20 after" in said["nothing_compared"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--from", "noon"), "--from noon: Invalid isoformat string"),
        (("--to", "2026-01-31T12:00:00"), "has no offset: in UTC it is 2026-01-31T12:00:00Z"),
        (("--from", "2h", "--to", "3h"), "give an earlier --from or a later --to"),
    ],
)
def test_misuse_is_answered_with_one_sentence(
    invoke: Invoke, options: tuple[str, ...], sentence: str
) -> None:
    answer = invoke("verify-windows", *options)
    assert sentence in answer.err
    assert answer.code == 2
