"""Reads the feature view as a model would: the latest values of one location."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.gapic_v1.routing_header import to_grpc_metadata

from shared.gcp.feature_store_messages import SERVICE, FetchRequest, FetchResponse
from tools.errors import CommandError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

TIMEOUT = 10.0
_METHOD = f"/{SERVICE}/FetchFeatureValues"

Scalar = str | int | float | bool | bytes | list[str] | list[int] | list[float] | list[bool] | None


@dataclass(frozen=True, slots=True)
class OnlineValue:
    """One feature as served; `generate_time` is the event time of its source event, UTC."""

    name: str
    value: Scalar
    generate_time: datetime | None


class OnlineStore:
    """A reader of `feature_view` at `endpoint` (host:port); a local one has no credentials."""

    def __init__(self, endpoint: str, feature_view: str, credentials: "Credentials | None" = None) -> None:
        self._endpoint = endpoint
        self._feature_view = feature_view
        self._credentials = credentials

    def fetch(self, location_id: str, timeout: float = TIMEOUT) -> list[OnlineValue]:
        """The location's values sorted by name, none if it was never written; raises CommandError."""
        request = FetchRequest(feature_view=self._feature_view, data_key={"key": location_id})
        routing = to_grpc_metadata({"feature_view": self._feature_view})
        with self._channel() as channel:
            call = channel.unary_unary(
                _METHOD,
                request_serializer=FetchRequest.SerializeToString,
                response_deserializer=FetchResponse.FromString,
            )
            try:
                answer = call(request, timeout=timeout, metadata=(routing,))
            except grpc.RpcError as error:
                return self._no_values(error)
        return sorted((_value(pair) for pair in answer.key_values.features), key=lambda value: value.name)

    def _channel(self) -> grpc.Channel:
        if self._credentials is None:
            return grpc.insecure_channel(self._endpoint)
        from google.auth.transport.grpc import secure_authorized_channel
        from google.auth.transport.requests import Request

        channel: grpc.Channel = secure_authorized_channel(
            self._credentials, Request(), f"{self._endpoint}:443"
        )
        return channel

    def _no_values(self, error: grpc.RpcError) -> list[OnlineValue]:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return []
        raise CommandError(
            f"the feature store at {self._endpoint} did not answer ({error.details()}): "
            "is it still running, and are you allowed to read it?"
        ) from None


def _value(pair: Any) -> OnlineValue:
    kind = pair.value.WhichOneof("value")
    value = None if kind is None else getattr(pair.value, kind)
    if kind is not None and kind.endswith("_array_value"):
        value = list(getattr(pair.value, kind).values)
    known = pair.value.metadata.HasField("generate_time")
    time = pair.value.metadata.generate_time.ToDatetime(tzinfo=UTC) if known else None
    return OnlineValue(pair.name, value, time)
