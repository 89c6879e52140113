"""Pull: messages come on a stream, and their verdicts settle them. docs/decisions/0011 has the reasons."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from shared.delivery.intake import Intake
from shared.message import Message
from shared.telemetry import tracing
from shared.telemetry.logs import LogEvent, log

FINISH_SECONDS, LAST_SETTLE_SECONDS = 7.0, 2.0
"""After SIGTERM, for what is in flight, and then for settling it: Cloud Run kills after 10 s."""
STEADY_SECONDS = 1.0
"""A stream that is refused ends sooner."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds before a stream that follows one that ended at once; twice as long before each further one."""
HEARTBEAT_SECONDS = 30.0
"""Between two requests on a stream without news, as Google's clients send them."""
RESENT_ACKS = 500
"""Acknowledgements that are sent again when their stream ends: it may have ended before they arrived. Ten
batches; with all others they are some 200 KB of the 512 KB of a request."""


class PullEnded(ConnectionError):
    """A stream or a call to the subscription is over; its text says why."""


class Delivery(NamedTuple):
    """A message, and what it is settled by."""

    message: Message
    ack_id: str


class Settled(NamedTuple):
    """Ack ids by what is to become of their messages."""

    done: Sequence[str]
    again: Sequence[str]
    """To be delivered again, after the subscription's backoff."""


class Settlements:
    """What is decided and not sent yet."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._again: list[str] = []
        self._news = asyncio.Event()
        self._sent: deque[str] = deque(maxlen=RESENT_ACKS)

    def add(self, ack_id: str, is_done: bool) -> None:
        (self._done if is_done else self._again).append(ack_id)
        self._news.set()

    async def wait(self, seconds: float = HEARTBEAT_SECONDS) -> Settled:
        """Takes what there is to say on the stream, at the latest after so many seconds: then nothing."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return Settled((), ())
        self._news.clear()
        settled = Settled(self._done, self._again)
        self._done, self._again = [], []
        self._sent.extend(settled.done)
        return settled

    def take_rest(self) -> Settled:
        """What is not sent, and what was sent on a stream that has ended and may not have arrived."""
        rest = Settled([*self._sent, *self._done], self._again)
        self._done, self._again = [], []
        self._sent.clear()
        return rest

    def put_back(self, settled: Settled) -> None:
        """It did not arrive, as far as anybody knows."""
        self._done = [*settled.done, *self._done]
        self._again = [*settled.again, *self._again]


class Subscription(Protocol):
    """What is pulled from (shared/gcp/streaming_pull.py)."""

    name: str

    def stream(self, settlements: Settlements) -> AsyncIterator[Sequence[Delivery]]:
        """One stream's deliveries, on which the settlements are sent meanwhile. Raises PullEnded."""

    async def settle(self, settled: Settled) -> None:
        """By calls of their own; returns when it has arrived. Raises PullEnded."""


class Puller:
    """Takes a subscription's messages to their verdicts. `jitter` gives a number from 0 to 1."""

    def __init__(
        self, intake: Intake, subscription: Subscription, jitter: Callable[[], float] = random.random
    ) -> None:
        self._intake = intake
        self._subscription = subscription
        self._jitter = jitter
        self._settlements = Settlements()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then finishes and settles what it has, within 9 s."""
        async with asyncio.TaskGroup() as group:
            pulling = group.create_task(self._pull_forever())
            await stop.wait()
            pulling.cancel()
        await self._end()

    async def _pull_forever(self) -> None:
        while True:
            try:
                await self._settle_rest()
                await self._pull()
            except PullEnded as ending:
                self._log_ending(ending)
            await self._drain()
            await asyncio.sleep(self._pause())

    async def _pull(self) -> None:
        loop = asyncio.get_running_loop()
        steady = loop.call_later(STEADY_SECONDS, self._log_start)
        try:
            async for deliveries in self._subscription.stream(self._settlements):
                for delivery in deliveries:
                    task = loop.create_task(self._take(delivery))
                    self._in_flight.add(task)
                    task.add_done_callback(self._in_flight.discard)
        finally:
            steady.cancel()

    async def _take(self, delivery: Delivery) -> None:
        message, is_done = delivery.message, False
        try:
            with tracing.received(message):
                is_done = await self._intake.take(message) is None
        except Exception:  # noqa: BLE001 - not swallowed: it is in the log, and the message comes again
            log.exception("message %s met a bug and Pub/Sub will deliver it again", message.message_id)
        finally:
            self._settlements.add(delivery.ack_id, is_done)

    async def _drain(self) -> None:
        """Until nothing is in flight: with what the next stream brings it would be more than leases allow.
        Each message is settled when it is decided, not when the last one is: its own lease goes on."""
        while self._in_flight:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            with suppress(PullEnded):  # it is tried again before the next stream, which says why it fails
                await self._settle_rest()

    async def _settle_rest(self) -> None:
        rest = self._settlements.take_rest()
        try:
            if rest.done or rest.again:
                await self._subscription.settle(rest)
        except BaseException:
            self._settlements.put_back(rest)
            raise

    async def _end(self) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=FINISH_SECONDS)
        for task in self._in_flight:
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        try:
            async with asyncio.timeout(LAST_SETTLE_SECONDS):
                await self._settle_rest()
        except (PullEnded, TimeoutError) as error:
            log.error(
                "what was done last on %s is not acknowledged (%s): Pub/Sub will deliver it again",
                self._subscription.name,
                str(error) or "no answer",
                extra={"event": LogEvent.PULL_ENDED},
            )

    def _log_start(self) -> None:
        self._failures = 0
        log.info("pulling from %s", self._subscription.name, extra={"event": LogEvent.PULL_STARTED})

    def _log_ending(self, ending: PullEnded) -> None:
        """Pub/Sub ends each stream within the hour: that is worth a warning when the next one fails too."""
        self._failures += 1
        log.log(
            logging.INFO if self._failures == 1 else logging.WARNING,
            "pulling from %s ended and begins again: %s",
            self._subscription.name,
            ending,
            extra={"event": LogEvent.PULL_ENDED},
        )

    def _pause(self) -> float:
        """Seconds; shortened at random, so that instances do not come back together."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 60))
        return longest * (0.5 + self._jitter() / 2)
