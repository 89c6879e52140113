"""The pull driver over a subscription in memory that ends streams, loses what it is told, and is silent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from shared.delivery.intake import Intake, Process, SendRejected
from shared.delivery.pull import Delivery, PullEnded, Puller, Settled, Settlements
from shared.message import Message

END = PullEnded("ABORTED, so that you try again")


def message(number: int) -> Message:
    return Message(b"{}", str(number), {}, None, "projects/p/subscriptions/s", None)


class MemorySubscription:
    """Streams as a test lets them go: messages go out by `send`, `end` ends what is open."""

    name = "projects/p/subscriptions/s"

    def __init__(self) -> None:
        self.done: set[str] = set()
        """Acknowledging again is harmless, so how often does not matter."""
        self.again = Counter[str]()
        self.streams = 0
        self.refusals: list[PullEnded] = []
        """What the next calls of `settle` raise."""
        self.settled_after: list[int] = []
        """How many streams there had been, at each call of `settle` that went well."""
        self.loses_what_is_said = False
        self._events: asyncio.Queue[Sequence[Delivery] | PullEnded] = asyncio.Queue()
        self.settled = asyncio.Event()
        self.opened = asyncio.Event()

    def send(self, *numbers: int) -> None:
        self._events.put_nowait([Delivery(message(number), f"ack-{number}") for number in numbers])

    def end(self) -> None:
        self._events.put_nowait(END)

    async def stream(self, settlements: Settlements) -> AsyncIterator[Sequence[Delivery]]:
        self.streams += 1
        self.opened.set()
        listening = asyncio.create_task(self._listen(settlements))
        try:
            while isinstance(event := await self._events.get(), list):
                yield event
            raise END
        finally:
            listening.cancel()

    async def settle(self, settled: Settled) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.settled_after.append(self.streams)
        self._hear(settled)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for what the driver says."""
        async with asyncio.timeout(5):
            while not holds():
                self.settled.clear()
                await self.settled.wait()

    async def _listen(self, settlements: Settlements) -> None:
        while True:
            settled = await settlements.wait()
            if not self.loses_what_is_said:
                self._hear(settled)
            self.settled.set()

    def _hear(self, settled: Settled) -> None:
        self.done.update(settled.done)
        self.again.update(settled.again)
        self.settled.set()


@asynccontextmanager
async def pulling(
    subscription: MemorySubscription, process: Process, send_rejected: SendRejected | None = None
) -> AsyncIterator[asyncio.Event]:
    """A running puller and the event that stops it."""
    stop = asyncio.Event()
    puller = Puller(Intake(process, send_rejected), subscription, jitter=lambda: 0.0)
    running = asyncio.create_task(puller.run(stop))
    try:
        yield stop
        stop.set()
        await running
    finally:
        running.cancel()
