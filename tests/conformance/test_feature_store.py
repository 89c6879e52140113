"""The feature online store: without an emulator, these rules come from the service's reference."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api_core.exceptions import InvalidArgument, MethodNotImplemented, NotFound
from google.cloud.aiplatform_v1.services.feature_online_store_service import (
    FeatureOnlineStoreServiceAsyncClient,
)
from google.cloud.aiplatform_v1.services.feature_online_store_service.transports.grpc_asyncio import (
    FeatureOnlineStoreServiceGrpcAsyncIOTransport,
)
from google.cloud.aiplatform_v1.types import FeatureViewDirectWriteRequest, FeatureViewDirectWriteResponse

from tools.standins import feature_store

VIEW = (
    "projects/p/locations/europe-west2/featureOnlineStores/cqc_feature_store/featureViews/location_features"
)
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

Features = dict[str, Any]
"""Feature name to FeatureValue, as the client library takes it."""


def integer(value: int, generated: datetime | None = NOON) -> dict[str, Any]:
    metadata = {"metadata": {"generate_time": generated}} if generated else {}
    return {"int64_value": value, **metadata}


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """The service's client, and one stream of direct writes."""

    client: FeatureOnlineStoreServiceAsyncClient
    stream: Any

    async def send(self, entities: Sequence[tuple[str, Features]], view: str = VIEW) -> None:
        """One request with these keys and features."""
        await self.stream.write(
            FeatureViewDirectWriteRequest(
                feature_view=view,
                data_key_and_feature_values=[
                    {
                        "data_key": {"key": key},
                        "features": [{"name": name, "value": value} for name, value in features.items()],
                    }
                    for key, features in entities
                ],
            )
        )

    async def write(self, key: str, features: Features, view: str = VIEW) -> FeatureViewDirectWriteResponse:
        """The answer to a request with just this key."""
        await self.send([(key, features)], view)
        response: FeatureViewDirectWriteResponse = await self.stream.read()
        return response

    async def fetch(self, key: str, view: str = VIEW) -> Features:
        response = await self.client.fetch_feature_values(
            request={"feature_view": view, "data_key": {"key": key}}
        )
        return {feature.name: feature.value for feature in response.key_values.features}

    async def integers(self, key: str) -> dict[str, int]:
        return {name: value.int64_value for name, value in (await self.fetch(key)).items()}


@pytest.fixture
async def store() -> AsyncIterator[FeatureStore]:
    async with feature_store.serve() as server, grpc.aio.insecure_channel(server.address) as channel:
        transport: Any = FeatureOnlineStoreServiceGrpcAsyncIOTransport(channel=channel)
        stream = transport.feature_view_direct_write(
            metadata=(("x-goog-request-params", f"feature_view={VIEW}"),)
        )
        yield FeatureStore(FeatureOnlineStoreServiceAsyncClient(transport=transport), stream)
        stream.cancel()


async def test_written_values_are_served(store: FeatureStore) -> None:
    values = {
        "text": {"string_value": "Good"},
        "flag": {"bool_value": False},
        "score": {"double_value": 2.5},
        "areas": {"string_array_value": {"values": ["safe", "caring"]}},
        "none": {"string_array_value": {"values": []}},
    }
    response = await store.write("1-1", values)
    assert response.status.code == 0
    (written,) = response.write_responses
    assert written.data_key.key == "1-1"
    assert abs(datetime.now(UTC) - written.online_store_write_time) < timedelta(minutes=1)
    served = await store.fetch("1-1")
    assert served.keys() == values.keys()
    assert (served["text"].string_value, served["flag"].bool_value) == ("Good", False)
    assert served["score"].double_value == 2.5
    assert served["areas"].string_array_value.values == ["safe", "caring"]
    assert "string_array_value" in served["none"]


async def test_an_unknown_entity_is_not_found(store: FeatureStore) -> None:
    with pytest.raises(NotFound):
        await store.fetch("1-1")


async def test_the_newest_value_of_each_feature_wins(store: FeatureStore) -> None:
    """
    generated   12:00   12:01   12:02
    rating        1       2               written in the order 2, 1: the older one arrives too late
    page_views    7               8       written in the order 7, 8
    """
    await store.write("1-1", {"rating": integer(2, NOON + timedelta(minutes=1)), "page_views": integer(7)})
    await store.write("1-1", {"rating": integer(1), "page_views": integer(8, NOON + timedelta(minutes=2))})
    assert await store.integers("1-1") == {"rating": 2, "page_views": 8}


async def test_the_later_write_wins_when_times_are_equal(store: FeatureStore) -> None:
    await store.write("1-1", {"rating": integer(1)})
    await store.write("1-1", {"rating": integer(2)})
    assert await store.integers("1-1") == {"rating": 2}


async def test_a_value_without_a_time_counts_as_generated_now(store: FeatureStore) -> None:
    await store.write("1-1", {"rating": integer(1)})
    await store.write("1-1", {"rating": integer(2, generated=None)})
    await store.write("1-1", {"rating": integer(3, datetime.now(UTC) - timedelta(hours=1))})
    assert await store.integers("1-1") == {"rating": 2}


async def test_a_feature_that_is_not_written_keeps_its_value(store: FeatureStore) -> None:
    await store.write("1-1", {"rating": integer(1)})
    await store.write("1-1", {"beds": integer(40)})
    assert await store.integers("1-1") == {"rating": 1, "beds": 40}


async def test_views_are_separate(store: FeatureStore) -> None:
    await store.write("1-1", {"rating": integer(1)})
    with pytest.raises(NotFound):
        await store.fetch("1-1", view=f"{VIEW}_other")


@pytest.mark.parametrize(
    ("key", "features"),
    [
        pytest.param("", {"rating": integer(1)}, id="an empty key"),
        pytest.param("1-1", {"": integer(1)}, id="a feature without a name"),
        pytest.param("1-1", {"rating": {}}, id="a feature without a value"),
        pytest.param("1-1", {}, id="no feature"),
        pytest.param(
            "1-1",
            {"rating": integer(1, datetime.now(UTC) + timedelta(days=400))},
            id="more than a year ahead",
        ),
    ],
)
async def test_a_bad_key_fails_alone_and_leaves_the_stream_open(
    store: FeatureStore, key: str, features: Features
) -> None:
    await store.send([("1-2", {"rating": integer(1)}), (key, features), ("1-3", {"rating": integer(1)})])
    by_code = {response.status.code: response for response in [await store.stream.read() for _ in range(2)]}
    assert by_code.keys() == {0, grpc.StatusCode.INVALID_ARGUMENT.value[0]}
    refused = by_code.pop(grpc.StatusCode.INVALID_ARGUMENT.value[0])
    assert [written.data_key.key for written in refused.write_responses] == [key]
    assert not refused.write_responses[0].online_store_write_time
    assert [written.data_key.key for written in by_code[0].write_responses] == ["1-2", "1-3"]
    assert (await store.write("1-1", {"rating": integer(5)})).status.code == 0
    assert await store.integers("1-1") == {"rating": 5}


async def test_a_malformed_view_is_refused(store: FeatureStore) -> None:
    with pytest.raises(InvalidArgument):
        await store.fetch("1-1", view="location_features")
    with pytest.raises(grpc.aio.AioRpcError, match="feature view"):
        await store.write("1-1", {"rating": integer(1)}, view="location_features")


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("data_format in a FetchFeatureValuesRequest", {"data_format": 2, "data_key": {"key": "1-1"}}),
        ("composite_key in a FeatureViewDataKey", {"data_key": {"composite_key": {"parts": ["1", "1"]}}}),
    ],
)
async def test_what_nobody_asks_for_is_left_out(
    store: FeatureStore, what: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(MethodNotImplemented, match=f"the stand-in does not support {what}: "):
        await store.client.fetch_feature_values(request={"feature_view": VIEW, **fields})
