"""The Vertex AI Feature Store adapter, the only importer of its client.

FeatureViewDirectWrite is one bidirectional stream: a request carries many keys, an answer names the keys it
is about, and a key's error leaves the stream open. Importing the client costs about 1.3 s of CPU, so it is
imported when a FeatureView is made, and only in the functions that have one.
"""

import asyncio
from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPICallError
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from grpc import RpcError

from shared.clock import to_micros
from shared.gcp.channel import open_transport
from shared.online import OnlineFeatures, Unwritten
from shared.tables.columns import Value

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1.types import FeatureViewDirectWriteRequest

ATTEMPTS = 3
TIMEOUT = 2.0
"""Seconds per try. A healthy store answers in milliseconds; three tries and their pauses hold a request for
7 s at most, and the scheduled sync brings the values that were given up."""
FIRST_PAUSE = 0.1
"""Seconds before the second try; the third waits twice as long."""


def _client_types() -> Any:
    """The client's messages, imported when they are first needed."""
    from google.cloud.aiplatform_v1 import types

    return types


class FeatureView:
    """Writes the newest values of entities to one feature view; one stream, one request in flight.

    `timeout` (per try) and `first_pause` (before the second try) are in seconds.
    """

    def __init__(self, name: str, timeout: float = TIMEOUT, first_pause: float = FIRST_PAUSE) -> None:
        self._name = name
        self._timeout = timeout
        self._first_pause = first_pause
        self._location = name.split("/")[3]
        self._types = _client_types()
        self._stream: Any = None
        self._one_at_a_time = asyncio.Lock()

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        """None when all are written, after retries. Does not raise.

        Of one location's entries, only the newest value of each feature is sent.
        """
        if not entries:
            return None
        reasons: dict[str, str] = {entry.location_id: "not tried" for entry in entries}
        async with self._one_at_a_time:
            for attempt in range(ATTEMPTS):
                if attempt:
                    await asyncio.sleep(self._first_pause * 2 ** (attempt - 1))
                reasons = await self._attempt([entry for entry in entries if entry.location_id in reasons])
                if not reasons:
                    break
        missing = [entry for entry in entries if entry.location_id in reasons]
        if not missing:
            return None
        times = [entry.generate_time for entry in missing]
        return Unwritten(len(missing), min(times), max(times), reasons[missing[0].location_id])

    async def close(self) -> None:
        """Ends the stream once the write under way is done; a later write opens a new one."""
        async with self._one_at_a_time:
            self._drop_stream()

    async def _attempt(self, entries: Sequence[OnlineFeatures]) -> dict[str, str]:
        """Location to reason, for those that failed."""
        keys = {entry.location_id for entry in entries}
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(entries, keys)
        except TimeoutError:
            reason = f"no answer within {self._timeout:g} s"
        except asyncio.InvalidStateError:  # a write to a call that has ended, as idle ones do
            reason = "the server had ended the stream"
        except (RpcError, GoogleAPICallError, ConnectionError) as error:
            reason = str(error)
        self._drop_stream()
        return dict.fromkeys(keys, f"writing to {self._name} failed: {reason}")

    async def _exchange(self, entries: Sequence[OnlineFeatures], keys: set[str]) -> dict[str, str]:
        if self._stream is None:
            metadata = (to_grpc_metadata({"feature_view": self._name}),)  # type: ignore[no-untyped-call]
            self._stream = self._transport.feature_view_direct_write(metadata=metadata)
        stream, waiting, failed = self._stream, set(keys), dict[str, str]()
        await stream.write(self._request(entries))
        while waiting:
            answer = await stream.read()
            if not isinstance(answer, self._types.FeatureViewDirectWriteResponse):  # grpc's EOF marker
                raise ConnectionError("the server ended the stream")
            raw = type(answer).pb(answer)
            answered = {response.data_key.key for response in raw.write_responses} & waiting
            if raw.status.code:
                reason = f"{self._name} refused the values: {raw.status.message} (code {raw.status.code})"
                failed |= dict.fromkeys(answered or waiting, reason)
            waiting -= answered or (waiting if raw.status.code else set())
        return failed

    def _request(self, entries: Sequence[OnlineFeatures]) -> "FeatureViewDirectWriteRequest":
        """Raw protobuf inside: with proto-plus a value costs ten times as much."""
        request: Any = self._types.FeatureViewDirectWriteRequest.pb()(feature_view=self._name)
        by_location: dict[str, list[OnlineFeatures]] = {}
        for entry in entries:
            by_location.setdefault(entry.location_id, []).append(entry)
        for location_id, values in by_location.items():
            target = request.data_key_and_feature_values.add()
            target.data_key.key = location_id
            self._add_newest(target.features, values)
        wrapped: FeatureViewDirectWriteRequest = self._types.FeatureViewDirectWriteRequest.wrap(request)
        return wrapped

    def _add_newest(self, features: Any, entries: list[OnlineFeatures]) -> None:
        """Adds one location's values, each from its newest entry."""
        taken: set[str] = set()
        for entry in sorted(entries, key=lambda entry: entry.generate_time, reverse=True):
            values = {
                name: value for name, value in entry.values.items() if value is not None and name not in taken
            }
            taken.update(values)
            dated = self._types.FeatureValue.pb()()
            dated.metadata.generate_time.FromMicroseconds(to_micros(entry.generate_time))
            for name, value in values.items():
                feature = features.add()
                feature.name = name
                feature.value.CopyFrom(dated)
                _set(feature.value, value)

    @cached_property
    def _transport(self) -> Any:
        from google.cloud.aiplatform_v1.services.feature_online_store_service.transports.grpc_asyncio import (
            FeatureOnlineStoreServiceGrpcAsyncIOTransport,
        )

        host = f"{self._location}-aiplatform.googleapis.com"
        return open_transport(
            partial(FeatureOnlineStoreServiceGrpcAsyncIOTransport, host=host), "FEATURE_STORE_EMULATOR_HOST"
        )

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None


_FIELDS: dict[type, str] = {
    bool: "bool_value",
    int: "int64_value",
    float: "double_value",
    str: "string_value",
}


def _set(target: Any, value: Value) -> None:
    if isinstance(value, list):
        target.string_array_value.SetInParent()  # an empty list is a value
        target.string_array_value.values.extend(value)
    else:
        setattr(target, _FIELDS[type(value)], value)


class NoFeatureView:
    """For a deployment without an online store: every value counts as written."""

    async def write(self, entries: Sequence[OnlineFeatures]) -> None:
        """Nothing to do."""


def feature_view(name: str | None) -> FeatureView | NoFeatureView:
    """The feature view of this name, or a NoFeatureView."""
    return FeatureView(name) if name else NoFeatureView()
