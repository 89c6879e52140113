"""The Vertex AI Feature Store adapter: online values to one feature view.

An absent or slow store must cost events nothing: after a few tries a circuit breaker opens, and from then on
a write returns at once while probes in the background look for the store. What is not written is named by
its number and times, so that it can be healed from the tables.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic

import grpc
from google.auth.exceptions import GoogleAuthError

from shared.gcp.channel import Reconnecting, Service
from shared.gcp.circuit_breaker import SLOW_SECONDS, CircuitBreaker
from shared.gcp.direct_write import DirectWriteStream, Refusal
from shared.gcp.feature_store_encoding import EntityEncoder, by_location, requests
from shared.online import OnlineFeatures, OnlineStore, Unwritten

IN_FLIGHT = 12
"""Requests at a time: at 150 ms per call 90,000 keys took 5.4 to 7.4 s on two busy cores; one by one they
would take 45 s. A Bigtable node of 10,000 writes/s needs 0.4 s for 3,600 keys, not slow for the breaker."""
TRY_SECONDS = 2.0
"""A healthy store answers in milliseconds; after this the connection counts as dead."""
PAUSE = 0.1
"""Seconds before the second attempt, over a new connection unless the store itself answered. A third would
hold up a batch for longer than the scheduled sync, which heals what is given up, is worth."""

_NO_ANSWER, _NOT_SENT = -1, -2
"""What a key failed of beside the service's own codes: no answer came, or the breaker was open."""
_RETRYABLE = frozenset({_NO_ANSWER}) | frozenset(
    code.value[0]
    for code in (
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    )
)
"""With any other code the same values would be refused again."""
_FAILURES = (TimeoutError, ConnectionError, GoogleAuthError)
"""Of a whole attempt: no answer, no stream, no credentials."""
_UNENCODABLE = (KeyError, TypeError, ValueError)


class FeatureView:
    """Writes the newest values of entities to one feature view, several requests at a time on one stream.

    `try_seconds` and `pause` are in seconds; `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        try_seconds: float = TRY_SECONDS,
        pause: float = PAUSE,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self._try_seconds = try_seconds
        self._pause = pause
        self._clock = clock
        self._breaker = breaker or CircuitBreaker(clock)
        self._encoder = EntityEncoder()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._probe: asyncio.Task[None] | None = None
        self._stream = Reconnecting(
            service_of(name), partial(DirectWriteStream, name), DirectWriteStream.release
        )

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        """What is not written after retries, None when all is. Does not raise.

        Of the entries of one location only the newest goes out for each feature.
        """
        if not entries:
            return None
        if self._breaker.reason is not None:
            self._probe_in_background(entries[0])
            return Unwritten.of(entries, self._unavailable)
        reasons: dict[str, str] = {}
        async with asyncio.TaskGroup() as deliveries:
            for request in requests(self._encoded(by_location(entries), reasons)):
                await self._slots.acquire()
                deliveries.create_task(self._deliver(request, reasons))
        missing = [entry for entry in entries if entry.location_id in reasons]
        return Unwritten.of(missing, next(iter(reasons.values()))) if missing else None

    async def close(self) -> None:
        """Ends the probe under way and the stream; a later write opens a new one."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait({self._probe})
        await self._stream.close()

    def _encoded(
        self, locations: Mapping[str, Sequence[OnlineFeatures]], reasons: dict[str, str]
    ) -> Iterator[tuple[str, bytes]]:
        """Each location's entity, or a reason for having none: also when the breaker opens on the way."""
        for location_id, entries in locations.items():
            if self._breaker.reason is not None:
                reasons[location_id] = self._unavailable
                continue
            try:
                yield location_id, self._encoder.encode(location_id, entries)
            except _UNENCODABLE as error:
                reasons[location_id] = (
                    f"a value of location {location_id} has no type of the store: {error!r}"
                )

    async def _deliver(self, entities: Mapping[str, bytes], reasons: dict[str, str]) -> None:
        """Writes one request, and a second time what may succeed then; leaves a reason for each key that is
        not written. Opens the breaker where neither attempt, nor another request meanwhile, was answered."""
        try:
            answers = self._breaker.answers
            failed = await self._attempt(entities)
            again = {
                key: entity
                for key, entity in entities.items()
                if key in failed and failed[key].code in _RETRYABLE
            }
            if again:
                await asyncio.sleep(self._pause)
                final = {key: failure for key, failure in failed.items() if key not in again}
                failed = final | await self._attempt(again)
            unanswered = [failure.text for failure in failed.values() if failure.code == _NO_ANSWER]
            if unanswered and self._breaker.answers == answers:
                self._breaker.open(unanswered[0])
            reasons |= {key: failure.text for key, failure in failed.items()}
        finally:
            self._slots.release()

    async def _attempt(self, entities: Mapping[str, bytes]) -> dict[str, Refusal]:
        """One request, unless the breaker is open; the keys that are not written."""
        if self._breaker.reason is not None:
            return dict.fromkeys(entities, Refusal(_NOT_SENT, self._unavailable))
        try:
            refused = await self._stream.attempt(partial(self._exchange, entities), None)
        except _FAILURES as error:
            reason = str(error) or f"no answer within {self._try_seconds:g} s"
            return dict.fromkeys(entities, Refusal(_NO_ANSWER, f"writing to {self._name} failed: {reason}"))
        return {
            key: Refusal(
                failure.code, f"{self._name} refused the values: {failure.text} (code {failure.code})"
            )
            for key, failure in refused.items()
        }

    async def _exchange(
        self, entities: Mapping[str, bytes], stream: DirectWriteStream
    ) -> Mapping[str, Refusal]:
        """The time until the answer is the store's; to wait for other requests with these keys is not."""
        await stream.free(entities)
        if self._breaker.reason is not None:  # they were not answered
            return dict.fromkeys(entities, Refusal(_NOT_SENT, self._unavailable))
        began = self._clock()
        async with asyncio.timeout(self._try_seconds):
            refused = await stream.exchange(entities)
        self._breaker.answered(self._clock() - began)
        return refused

    def _probe_in_background(self, entry: OnlineFeatures) -> None:
        """When a probe is due: sends a little of what is to be written anyway, in no batch's way."""
        if self._breaker.may_probe():
            self._probe = asyncio.create_task(self._probe_with(entry))

    async def _probe_with(self, entry: OnlineFeatures) -> None:
        began = self._clock()
        with suppress(*_FAILURES, *_UNENCODABLE):
            entity = self._encoder.encode(entry.location_id, [entry])
            await self._stream.attempt(
                lambda stream: stream.exchange({entry.location_id: entity}), self._try_seconds
            )
            self._breaker.probed(self._clock() - began)

    @property
    def _unavailable(self) -> str:
        return f"the online store is unavailable: {self._breaker.reason}"


def service_of(view: str) -> Service:
    """The regional endpoint that serves a feature view, by the view's full name."""
    return Service(
        f"{view.split('/')[3]}-aiplatform.googleapis.com",
        "FEATURE_STORE_EMULATOR_HOST",
        audience="aiplatform.googleapis.com",
    )


class NoFeatureView:
    """For a deployment without an online store: every value counts as written."""

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:  # noqa: ARG002 - the port's
        """Nothing to do."""
        return None


def feature_view(name: str | None, busy_seconds: float = 0.0) -> OnlineStore:
    """The feature view of this name, or the absence of one.

    `busy_seconds` is for how long the caller's own work may keep the loop from an answer that has arrived: so
    much longer a call may take, before it counts as slow or dead.
    """
    if not name:
        return NoFeatureView()
    breaker = CircuitBreaker(monotonic, SLOW_SECONDS + busy_seconds)
    return FeatureView(name, TRY_SECONDS + busy_seconds, breaker=breaker)
