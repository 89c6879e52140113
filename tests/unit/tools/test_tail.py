"""Each outcome is shown once, whatever order looks find it in, and nothing that a look had is left out."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.command_line import Invoke
from tools.console import as_json
from tools.errors import UsageError
from tools.pipeline.warehouse import WarehouseError
from tools.tail.following import FULL, OVERLAP, Tail
from tools.tail.looking import MOST, Filters
from tools.tail.outcomes import Outcome, Unseen, outcome_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ROW = Outcome(NOON, "e-1", "1-1", "rating_change", delay=0.5)
FAILED = Outcome(NOON, "e-2", None, None, reason="schema_error", stage="parse", error="metrics: is missing")


class Looks:
    """The table as a list of what each look finds; the clock goes on by a second with each wait."""

    def __init__(self, *found: Sequence[Outcome] | Exception) -> None:
        self.found, self.began = list(found), list[datetime]()
        self.shown, self.warned = list[Outcome](), list[str]()
        self.now = NOON

    def look(self, since: datetime) -> Sequence[Outcome]:
        self.began.append(since)
        found = self.found[len(self.began) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    def wait(self) -> None:
        """Ctrl-C comes when there is nothing left to look at."""
        if len(self.began) == len(self.found):
            raise KeyboardInterrupt
        self.now += SECOND

    def tail(self) -> Tail:
        return Tail(self.look, lambda: self.now, self.wait, self.shown.append, self.warned.append)

    def run(self, since: datetime | None = None) -> Tail:
        tail = self.tail()
        tail.run(since)
        return tail


def at(outcome: Outcome, seconds: float) -> Outcome:
    return replace(outcome, at=NOON + seconds * SECOND)


def test_what_was_there_before_is_not_shown_and_what_comes_later_is_shown_once() -> None:
    late = at(replace(ROW, event_id="e-3"), -600)
    looks = Looks([ROW], [FAILED, ROW], [late, ROW, FAILED], [ROW, late, FAILED])
    assert looks.run().summary() == "2 events were shown"
    assert looks.shown == [FAILED, late], "also the one that waited ten minutes for its row"


def test_since_a_time_what_was_there_is_shown_oldest_first() -> None:
    first = at(FAILED, -60)
    looks = Looks([ROW, first], [first, ROW])
    looks.run(NOON - 90 * SECOND)
    assert looks.shown == [first, ROW]
    assert looks.began == [NOON - 90 * SECOND] * 2, "never from before"


def test_a_look_goes_back_over_the_overlap_from_the_look_before_however_long_that_is_ago() -> None:
    looks = Looks([], [], [])
    jumps = iter([SECOND, timedelta(hours=3), SECOND])
    tail, wait = looks.tail(), looks.wait

    def sleep_long() -> None:
        wait()
        looks.now += next(jumps)

    tail.wait = sleep_long
    tail.run(None)
    assert looks.began == [NOON - OVERLAP, NOON - OVERLAP, NOON + 2 * SECOND - OVERLAP]


def test_a_redelivered_event_is_one_row_and_an_event_that_fails_again_fails_twice() -> None:
    again = [at(ROW, 5), at(FAILED, 5)]
    assert Unseen().take([ROW, FAILED, *again, FAILED], NOON) == [ROW, FAILED, again[1]]


def test_an_event_may_have_its_row_and_a_dead_letter() -> None:
    late = replace(ROW, is_late=True)
    record = replace(FAILED, event_id=ROW.event_id, reason="late_event", stage="features")
    assert len(Unseen().take([late, record], NOON)) == 2


def test_dead_letters_without_an_event_are_told_apart_by_their_errors() -> None:
    segments = [replace(FAILED, event_id=None, error=f"segment {number}") for number in "ab"]
    assert Unseen().take([*segments, *segments], NOON) == segments


def test_what_no_look_reads_again_is_forgotten() -> None:
    unseen = Unseen()
    unseen.take([ROW], NOON)
    assert unseen.take([], NOON + SECOND) == []
    assert unseen.take([ROW], NOON) == [ROW]


def test_a_look_that_is_full_is_said_once() -> None:
    full = [replace(ROW, event_id=f"e-{number}") for number in range(MOST)]
    looks = Looks([], full, full)
    looks.run()
    assert looks.warned == [FULL]


def test_a_look_that_fails_ends_it_with_how_many_were_shown() -> None:
    looks = Looks([], [ROW], WarehouseError("BigQuery did not answer in time"))
    with pytest.raises(WarehouseError, match="did not answer in time; 1 event was shown before"):
        looks.run()


@pytest.mark.parametrize("moment", ["look", "show", "wait"])
def test_ctrl_c_ends_it_without_an_error_wherever_it_comes(moment: str) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    tail = Looks([ROW]).tail()
    setattr(tail, moment, interrupt)
    tail.run(NOON)
    assert tail.shown == (0 if moment == "look" else 1), "a line that it cuts counts"


HOSTILE = "e\x1b[2J\r\n\u202e" + "x" * 200


def test_a_line_has_ids_whole_the_error_short_and_no_control_character() -> None:
    outcome = replace(FAILED, event_id=HOSTILE, location_id="1-\t1", error="\n" + "long " * 100)
    line = outcome.line()
    assert line.isprintable()
    assert "x" * 200 in line
    assert "1-\\t1" in line
    assert line.endswith("…")
    assert "schema_error at parse: \\nlong" in line


def test_a_late_row_says_so_and_an_event_without_any_field_has_a_line() -> None:
    assert replace(ROW, is_late=True).line().endswith("late, 0.5 s after it happened")
    assert "–" in Outcome(NOON, None, None, None, reason="json_parse_error", stage="parse").line()


def test_the_object_has_everything_and_is_one_line() -> None:
    text = as_json(replace(FAILED, event_id=HOSTILE, error="a\nb" * 100).document())
    assert "\n" not in text
    read = json.loads(text)
    assert (read["outcome"], read["event_id"]) == ("dead_letter", HOSTILE)
    assert read["error_message"] == "a\nb" * 100
    assert json.loads(as_json(ROW.document()))["outcome"] == "row"


def test_a_record_of_the_query_is_an_outcome() -> None:
    record = {"at": NOON, "event_id": "e-1", "location_id": "1-1", "event_type": None}
    nothing = dict.fromkeys(("delay", "is_late", "reason", "stage", "error"))
    assert outcome_of(record | nothing) == replace(ROW, event_type=None, delay=None)


def test_a_reason_leaves_out_the_rows_and_must_exist() -> None:
    assert "realtime_features" not in Filters(reason="schema_error").sql()[0]
    assert "realtime_features" in Filters(event_type="x").sql()[0]
    with pytest.raises(UsageError, match="--reason typo: choose one of json_parse_error"):
        Filters(reason="typo").check()


def test_each_table_is_read_by_its_partitions_with_values_as_parameters() -> None:
    hostile = "' OR TRUE --"
    sql, parameters = Filters(location=hostile, event_type=hostile).sql()
    assert sql.count("event_timestamp >= @oldest") == sql.count("error_timestamp >= @since") == 1
    assert hostile not in sql
    assert parameters == {"location": hostile, "event_type": hostile}


def test_a_start_that_is_still_to_come_is_misuse(invoke: Invoke, dead_chain: str) -> None:
    answer = invoke("tail", "--since", "2199-01-01T00:00:00Z", "--chain", dead_chain)
    assert answer.code == 2
    assert "2199-01-01T00:00:00Z is still to come" in answer.err
