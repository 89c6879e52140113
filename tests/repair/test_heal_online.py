"""Online values written again from the tables, on the chain's BigQuery and feature store."""

import asyncio
import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from shared.online import OnlineFeatures
from shared.tables.columns import Value
from tests.repair.scratch import THEN, ScratchPipeline, item
from tests.support.chain import STAND_IN
from tests.support.command_line import Answer, Invoke
from tools.pipeline.connect import connect_feature_view, connect_online_store

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)

SECOND = timedelta(seconds=1)


@pytest.fixture
def location() -> str:
    """The feature view is the chain's: each test has a location of its own."""
    return f"1-{uuid4().int % 10**9}"


def heal(invoke: Invoke, scratch: ScratchPipeline, *options: str) -> Answer:
    span = ("--from", (THEN - 60 * SECOND).isoformat(), "--to", (THEN + 60 * SECOND).isoformat())
    return invoke("heal-online", *span, "--chain", str(scratch.file), *options)


def served(scratch: ScratchPipeline, location: str) -> dict[str, tuple[object, datetime | None]]:
    values = connect_online_store(scratch.address).fetch(location)
    return {value.name: (value.value, value.generate_time) for value in values}


def put(scratch: ScratchPipeline, location: str, at: datetime, **values: Value) -> None:
    """Writes values that the store has before the healing."""

    async def work() -> None:
        view = connect_feature_view(scratch.address)
        assert await view.write([OnlineFeatures(location, at, values)]) is None
        await view.close()

    asyncio.run(work())


def rating(location: str, seconds: int, **metrics: object) -> dict[str, object]:
    at = THEN + seconds * SECOND
    return {"location_id": location, "timestamp": at.isoformat(), "metrics": metrics}


def test_the_newest_value_of_each_feature_is_served_with_its_events_time(
    scratch: ScratchPipeline, invoke: Invoke, location: str
) -> None:
    viewed = {"event_type": "dashboard_interaction", "metrics": {"page_views": 3}}
    inspected = {"event_type": "inspection_update", "metrics": {"areas_assessed": ["safe"]}}
    at = {"location_id": location, "timestamp": (THEN + 2 * SECOND).isoformat()}
    scratch.write(
        [
            item(**rating(location, 0, new_rating="Good", change_reason="first")),
            item(**rating(location, 1, new_rating="Inadequate")),
            item(**at | inspected),
            item(**at | viewed | {"timestamp": (THEN + 3 * SECOND).isoformat()}),
            item(**rating(location, 61, new_rating="Outstanding")),
        ],
        counted=False,
    )
    assert json.loads(heal(invoke, scratch, "--dry-run", "--json").out)["locations"] == 1
    for at_second, found in ((0, 1), (10, 0)):
        exactly = (THEN + at_second * SECOND).isoformat()
        said = heal(invoke, scratch, "--dry-run", "--json", "--from", exactly, "--to", exactly)
        assert json.loads(said.out)["locations"] == found, "both ends belong to the range"
    assert served(scratch, location) == {}

    answer = heal(invoke, scratch)

    assert answer.code == 0, answer.err
    assert answer.out.startswith("Wrote the values of 1 location with events or windows in")
    now = served(scratch, location)
    assert now["new_overall_rating"] == ("Inadequate", THEN + SECOND)
    assert now["rating_change_reason"] == ("first", THEN), "the newer event has none"
    assert now["areas_assessed"] == (["safe"], THEN + 2 * SECOND), "a page view has no areas"
    assert now["event_type"] == ("dashboard_interaction", THEN + 3 * SECOND)


def test_an_older_value_never_overwrites_a_newer_one(
    scratch: ScratchPipeline, invoke: Invoke, location: str
) -> None:
    scratch.write([item(**rating(location, 0, new_rating="Good", change_reason="first"))])
    scratch.settle()
    newer = THEN + SECOND
    put(scratch, location, newer, new_overall_rating="Inadequate", window_event_count=9)
    assert heal(invoke, scratch).code == 0
    found = served(scratch, location)
    assert found["new_overall_rating"] == ("Inadequate", newer)
    assert found["window_event_count"] == (9, newer)
    assert found["rating_change_reason"] == ("first", THEN)


def test_window_features_have_the_generate_time_that_the_flush_gives_them(
    scratch: ScratchPipeline, invoke: Invoke, location: str
) -> None:
    scratch.write([item(**rating(location, 0, new_rating="Good"))])
    scratch.settle()
    assert heal(invoke, scratch).code == 0
    assert served(scratch, location)["window_event_count"] == (1, THEN + timedelta(microseconds=2))


def test_a_store_that_is_away_is_named_with_what_to_do(
    scratch: ScratchPipeline, invoke: Invoke, location: str
) -> None:
    scratch.write([item(**rating(location, 0, new_rating="Good"))], counted=False)
    text = scratch.file.read_text().replace(scratch.address.feature_store, "127.0.0.1:1")
    scratch.file.write_text(text)
    answer = heal(invoke, scratch)
    assert answer.code == 2
    assert "the chain's feature store does not answer at 127.0.0.1:1" in answer.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--from", "noon", "--to", "1m"), "--from noon: Invalid isoformat string"),
        (("--from", "1m", "--to", "2m"), "--from 1m is after --to 2m: swap them"),
    ],
)
def test_misuse_is_answered_with_one_sentence(
    invoke: Invoke, options: tuple[str, ...], sentence: str
) -> None:
    answer = invoke("heal-online", *options)
    assert sentence in answer.err
    assert answer.code == 2
