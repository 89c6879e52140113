"""Sinks as fast as Google's in the same region: correct answers after 2 to 5 ms, and a count of requests."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any

from google.cloud.aiplatform_v1.types import feature_online_store_service
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse
from google.cloud.firestore_v1.types import CommitRequest, CommitResponse
from google.pubsub_v1.types import PublishRequest, PublishResponse

from tools.standins.serving import Endpoint, Handler, conversation, listening, unary

FASTEST, SLOWEST = 0.002, 0.005
"""Seconds."""

KEPT_ROWS = 2_000

_PublishResponse = PublishResponse.pb()
_CommitResponse = CommitResponse.pb()
_AppendResponse = AppendRowsResponse.pb()
_WriteResponse = feature_online_store_service.FeatureViewDirectWriteResponse.pb()


@dataclass(slots=True)
class Counts:
    """What the sinks received: calls, but for the documents of the commits and the bytes."""

    publishes: int = 0
    appends: int = 0
    commits: int = 0
    documents: int = 0
    feature_writes: int = 0
    published_bytes: int = 0
    """Data and attributes of the messages."""
    row_bytes: int = 0
    """As BigQuery counts what is written to it: the encoded rows."""

    def since(self, before: "Counts") -> "Counts":
        return Counts(*(getattr(self, count.name) - getattr(before, count.name) for count in fields(self)))

    def copy(self) -> "Counts":
        return self.since(Counts())


class Sinks:
    """Pub/Sub's Publish, Firestore's Commit, BigQuery's AppendRows, the feature store's direct write."""

    def __init__(self, delay: tuple[float, float] = (FASTEST, SLOWEST)) -> None:
        self.counts = Counts()
        self.rows: dict[str, list[bytes]] = {}
        """Table to its first rows as they were sent, KEPT_ROWS of them."""
        self._delay = delay
        self._random = random.Random(0)

    async def pause(self) -> None:
        """Before each answer."""
        await asyncio.sleep(self._random.uniform(*self._delay))

    async def publish(self, request: Any) -> Any:
        self.counts.publishes += 1
        self.counts.published_bytes += sum(map(_message_bytes, request.messages))
        await self.pause()
        return _PublishResponse(message_ids=[str(number) for number in range(len(request.messages))])

    async def commit(self, request: Any) -> Any:
        self.counts.commits += 1
        self.counts.documents += len(request.writes)
        await self.pause()
        response = _CommitResponse()
        for _ in request.writes:
            response.write_results.add().update_time.GetCurrentTime()
        response.commit_time.GetCurrentTime()
        return response

    async def append_rows(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        kept: list[bytes] = []
        async for request in requests:
            rows = request.proto_rows.rows.serialized_rows
            self.counts.appends += 1
            self.counts.row_bytes += sum(map(len, rows))
            if request.write_stream:  # a connection's later requests may leave it out
                kept = self.rows.setdefault(request.write_stream.split("/tables/")[-1].split("/")[0], [])
            kept += rows[: KEPT_ROWS - len(kept)]
            await self.pause()
            response = _AppendResponse(write_stream=request.write_stream)
            response.append_result.SetInParent()
            yield response

    async def direct_write(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Each request is answered after its own pause, however many are under way."""
        answers: asyncio.Queue[Any] = asyncio.Queue()

        async def answer(request: Any) -> None:
            await self.pause()
            response = _WriteResponse()
            for entity in request.data_key_and_feature_values:
                response.write_responses.add(data_key=entity.data_key)
            answers.put_nowait(response)

        async def listen() -> None:
            async with asyncio.TaskGroup() as under_way:
                async for request in requests:
                    self.counts.feature_writes += 1
                    under_way.create_task(answer(request))
            answers.put_nowait(None)

        listening = asyncio.create_task(listen())
        while (response := await answers.get()) is not None:
            yield response
        await listening

    @asynccontextmanager
    async def listen(
        self, instead: Mapping[str, dict[str, Handler]] | None = None
    ) -> AsyncIterator[Endpoint]:
        """All four on one port of loopback; those of `instead` in their place."""
        write_request = feature_online_store_service.FeatureViewDirectWriteRequest.pb()
        services = {
            "google.pubsub.v1.Publisher": {
                "Publish": unary(self.publish, PublishRequest.pb(), _PublishResponse),
            },
            "google.firestore.v1.Firestore": {
                "Commit": unary(self.commit, CommitRequest.pb(), _CommitResponse),
            },
            "google.cloud.bigquery.storage.v1.BigQueryWrite": {
                "AppendRows": conversation(self.append_rows, AppendRowsRequest.pb(), _AppendResponse),
            },
            "google.cloud.aiplatform.v1.FeatureOnlineStoreService": {
                "FeatureViewDirectWrite": conversation(self.direct_write, write_request, _WriteResponse),
            },
        }
        async with listening(services | dict(instead or {}), "127.0.0.1", 0) as endpoint:
            yield endpoint


def _message_bytes(message: Any) -> int:
    return len(message.data) + sum(len(key) + len(value) for key, value in message.attributes.items())
