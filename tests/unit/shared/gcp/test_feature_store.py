"""FeatureView over gRPC, against the stand-in of the store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
import pytest
from google.cloud.aiplatform_v1.types import feature_online_store_service as types

from shared.gcp.feature_store import FeatureView, NoFeatureView, feature_view
from shared.gcp.feature_store_encoding import requests
from shared.online import OnlineFeatures
from shared.tables.columns import Value
from tests.unit.shared.gcp.conftest import VIEW, WHEN, entry
from tools.standins.feature_store import serve
from tools.standins.feature_store.server import SERVICE


@pytest.fixture
async def store(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The stand-in, where the adapter looks for the service."""
    async with serve() as endpoint:
        monkeypatch.setenv("FEATURE_STORE_EMULATOR_HOST", endpoint.address)
        yield endpoint.address


async def fetch(address: str, location: str) -> dict[str, Any]:
    """What the store serves: feature name to value."""
    request = types.FetchFeatureValuesRequest(
        feature_view=VIEW, data_key=types.FeatureViewDataKey(key=location)
    )
    async with grpc.aio.insecure_channel(address) as channel:
        call: Callable[..., Any] = channel.unary_unary(
            f"/{SERVICE}/FetchFeatureValues",
            request_serializer=types.FetchFeatureValuesRequest.serialize,
            response_deserializer=types.FetchFeatureValuesResponse.pb().FromString,
        )
        response = await call(request)
    found = {}
    for feature in response.key_values.features:
        kind = feature.value.WhichOneof("value")
        value = getattr(feature.value, kind)
        found[feature.name] = list(value.values) if kind == "string_array_value" else value
    return found


async def test_every_type_of_feature_arrives_and_a_null_is_not_written(store: str, view: FeatureView) -> None:
    values: Mapping[str, Value] = {
        "is_weekend": True,
        "page_views": 3,
        "time_on_page": 2.5,
        "user_type": "public",
        "search_queries": ["dementia", "north"],
        "filters_applied": [],
        "session_duration": None,
    }
    assert await view.write([OnlineFeatures("l-1", WHEN, values)]) is None
    served = await fetch(store, "l-1")
    assert served == {name: value for name, value in values.items() if value is not None}
    assert type(served["is_weekend"]) is bool


async def test_an_empty_list_alone_is_a_value(store: str, view: FeatureView) -> None:
    await view.write([entry("l-1", search_queries=["dementia"])])
    await view.write([entry("l-1", after=1, search_queries=[])])
    assert await fetch(store, "l-1") == {"search_queries": []}


def test_a_request_has_at_most_a_megabyte_unless_one_entity_alone_has_more() -> None:
    sizes = [400_000, 600_000, 1, 2_000_000, 1]
    entities = ((f"l-{number}", b"x" * size) for number, size in enumerate(sizes))
    assert [list(request) for request in requests(entities)] == [["l-0", "l-1"], ["l-2"], ["l-3"], ["l-4"]]


async def test_many_entities_go_in_one_write_and_no_entries_in_none(store: str, view: FeatureView) -> None:
    assert await view.write([entry(f"l-{number}") for number in range(50)]) is None
    assert await fetch(store, "l-49") == {"page_views": 1}
    assert await view.write([]) is None


async def test_an_older_value_never_replaces_a_newer_one(store: str, view: FeatureView) -> None:
    await view.write([entry("l-1", after=10, page_views=10)])
    await view.write([entry("l-1", after=5, page_views=5, user_type="public")])
    assert await fetch(store, "l-1") == {"page_views": 10, "user_type": "public"}


async def test_only_the_newest_value_of_each_feature_is_sent(store: str, view: FeatureView) -> None:
    entries = [
        entry("l-1", after=2, page_views=2),
        entry("l-1", after=1, page_views=1, user_type="public"),
        entry("l-1", after=3, page_views=None, is_weekend=True),
    ]
    assert await view.write(entries) is None
    assert await fetch(store, "l-1") == {"page_views": 2, "user_type": "public", "is_weekend": True}


async def test_a_key_that_the_store_refuses_fails_alone_and_leaves_the_stream_open(
    store: str, view: FeatureView
) -> None:
    far = (datetime.now(UTC) - WHEN + timedelta(days=400)).total_seconds()
    unwritten = await view.write([entry("l-1"), entry("l-2", after=far), entry("l-3"), entry("l-2")])
    assert unwritten is not None
    assert (unwritten.count, unwritten.since) == (2, WHEN)
    assert unwritten.until == WHEN + timedelta(seconds=far)
    assert "generate_time is more than a year ahead" in unwritten.reason
    assert await view.write([entry("l-2")]) is None
    assert await fetch(store, "l-1") == {"page_views": 1}


async def test_writes_at_the_same_time_share_a_stream_even_with_the_same_keys(
    store: str, view: FeatureView
) -> None:
    writes = (view.write([entry("l-1", after=number, page_views=number)]) for number in range(10))
    assert await asyncio.gather(*writes) == [None] * 10
    assert await fetch(store, "l-1") == {"page_views": 9}


async def test_a_value_that_the_store_has_no_type_for_costs_its_location_alone(
    store: str, view: FeatureView
) -> None:
    unwritten = await view.write([entry("l-1", page_views=2**63), entry("l-2", at=WHEN), entry("l-3")])
    assert unwritten is not None
    assert unwritten.count == 2
    assert unwritten.reason.startswith("a value of location l-1 has no type of the store: ValueError")
    assert await fetch(store, "l-3") == {"page_views": 1}


async def test_a_deployment_without_a_store_writes_nothing_and_fails_nothing() -> None:
    assert isinstance(feature_view(None), NoFeatureView)
    assert isinstance(feature_view(VIEW), FeatureView)
    assert await NoFeatureView().write([entry("l-1"), entry("l-2")]) is None
