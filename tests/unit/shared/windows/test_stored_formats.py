"""What a release has stored, the next one finds: who changes one of these raises FORMAT, and reads both."""

from typing import Any

import orjson

from functions.aggregate.window import Timing, Window, stored_fields
from shared.windows.key import WINDOW_MICROS, digest
from shared.windows.log import is_retired
from shared.windows.state import Control, Generation, Shard, bucket_of, location_hash

LOCATION = "1-466088203"
WINDOW: list[Any] = [3, 41, "late", True, 7, 2, 1, 10, 6, 20, 11, 99, {"usage": [2, 99, 1, 2, 3]}, ["a", "b"]]


def test_a_location_is_looked_for_in_the_shard_and_the_bucket_where_it_was_stored() -> None:
    hashed = location_hash(LOCATION)
    assert hashed == 4_607_540_797_488_109_541
    assert bucket_of(hashed, 7) == 101
    assert [number for number in range(5) if Shard(number, of=5).holds(hashed)] == [4]


def test_an_event_has_the_digest_under_which_it_was_counted() -> None:
    assert digest(LOCATION, "e-1").hex() == "bc9473fea9cd58c3cb5a6157e93f1450"


def test_a_stored_window_is_read_field_by_field() -> None:
    window = Window(*WINDOW)
    assert (window.revision, window.flush, window.emitted_at) == (3, 41, 7)
    assert (window.pane, window.is_final) == (Timing.LATE, True)
    assert (window.count, window.late_count) == (2, 1)
    assert (window.risk_sum, window.risk_max, window.complexity_sum, window.complexity_max) == (10, 6, 20, 11)
    assert (window.latest, window.event_types) == (99, ["a", "b"])
    assert window.categories == {"usage": [2, 99, 1, 2, 3]}
    assert orjson.loads(orjson.dumps(stored_fields(window))) == WINDOW


def test_a_shard_is_done_when_its_last_window_is_settled_and_nothing_is_left_to_emit() -> None:
    generation = Generation(until=3 * WINDOW_MICROS)
    last = 2 * WINDOW_MICROS
    assert is_retired(generation, Control(settled_before=last + 1))
    assert not is_retired(generation, Control(settled_before=last))
    assert not is_retired(generation, Control(settled_before=last + 1, pending=frozenset({(last, 0)})))
