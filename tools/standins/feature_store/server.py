"""The feature-store stand-in's gRPC API: FeatureOnlineStoreService's direct write and fetch."""

import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1.types import FeatureValue
from google.cloud.aiplatform_v1.types import feature_online_store_service as types

from tools.faults.injecting import Faults
from tools.standins.feature_store.kept import KeptFeatures
from tools.standins.feature_store.table import FeatureTable, WrittenFeature
from tools.standins.serving import CODES, Endpoint, Handler, conversation, listening, unary
from tools.standins.status import InvalidArgument, StatusError, check_only

SERVICE = "google.cloud.aiplatform.v1.FeatureOnlineStoreService"

_VIEW = re.compile(r"projects/[^/]+/locations/[^/]+/featureOnlineStores/[^/]+/featureViews/[^/]+")
_WriteResponse = types.FeatureViewDirectWriteResponse.pb()
_FeatureValue = FeatureValue.pb()
_FetchResponse = types.FetchFeatureValuesResponse.pb()


class FeatureOnlineStoreService:
    """Any well-formed feature view exists; writing creates entities."""

    def __init__(self, table: FeatureTable) -> None:
        self._table = table

    async def direct_write(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Answers a request with one response per outcome: keys written, and keys refused with the reason."""
        async for request in requests:
            _check_view(request.feature_view)
            for response in self.write(request.feature_view, request.data_key_and_feature_values):
                yield response

    def write(self, view: str, entities: Iterable[Any]) -> Iterator[Any]:
        """Writes what it can; the responses, one an outcome."""
        now = time.time_ns() // 1000
        outcomes: dict[tuple[int, str], list[Any]] = {}
        for entity in entities:
            outcome = (0, "")
            try:
                self._table.write(view, _key(entity.data_key), map(_feature, entity.features), now)
            except StatusError as error:
                outcome = (CODES[type(error)].value[0], str(error))
            outcomes.setdefault(outcome, []).append(entity)
        for (code, message), some in outcomes.items():
            yield self.response(code, message, some, None if code else now)

    def response(self, code: int, message: str, entities: Iterable[Any], written: int | None = None) -> Any:
        """One status for the keys of these entities; `written` is in microseconds since the epoch."""
        response = _WriteResponse()
        response.status.code, response.status.message = code, message
        for entity in entities:
            written_key = response.write_responses.add(data_key=entity.data_key)
            if written is not None:
                written_key.online_store_write_time.FromMicroseconds(written)
        return response

    async def fetch(self, request: Any) -> Any:
        check_only(request, "feature_view", "data_key")
        _check_view(request.feature_view)
        values = self._table.fetch(request.feature_view, _key(request.data_key))
        response = _FetchResponse()
        for name, value in values.items():
            response.key_values.features.add(name=name, value=value)
        return response

    def handlers(self) -> dict[str, Handler]:
        write_request = types.FeatureViewDirectWriteRequest.pb()
        return {
            "FeatureViewDirectWrite": conversation(self.direct_write, write_request, _WriteResponse),
            "FetchFeatureValues": unary(self.fetch, types.FetchFeatureValuesRequest.pb(), _FetchResponse),
        }


def _check_view(view: str) -> None:
    if not _VIEW.fullmatch(view):
        raise InvalidArgument(f"not the name of a feature view: {view!r}")


def _key(data_key: Any) -> str:
    check_only(data_key, "key")
    key: str = data_key.key
    return key


def _feature(feature: Any) -> WrittenFeature:
    if not feature.HasField("value") or feature.value.WhichOneof("value") is None:
        return WrittenFeature(feature.name, None, None)
    metadata = feature.value.metadata
    generated = metadata.generate_time.ToMicroseconds() if metadata.HasField("generate_time") else None
    value = _FeatureValue()
    value.CopyFrom(feature.value)  # a reference would keep the whole request in memory
    return WrittenFeature(feature.name, value, generated)


@asynccontextmanager
async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    data: Path | None = None,
    faults: Faults | None = None,
) -> AsyncIterator[Endpoint]:
    """Serves a feature store until the block ends; port 0 takes any free one.

    It begins empty, or with what is in the file `data`, which then keeps it. Raises serving.PortTaken.
    """
    kept = KeptFeatures(data) if data else None
    table = FeatureTable(kept.load(), kept.save) if kept else FeatureTable()
    service = FeatureOnlineStoreService(table)
    try:
        async with listening({SERVICE: service.handlers()}, host, port, faults) as endpoint:
            yield endpoint
    finally:
        if kept:
            kept.close()
