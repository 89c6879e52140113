"""What `features` asks of the world besides rows and online values: the windows and the dead-letter topic."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.dead_letters.record import DeadLetterRecord
from shared.errors import Reject
from shared.message import Message
from shared.windows.contribution import Contribution
from shared.windows.lookup import Verdict


class WindowLog(Protocol):
    """The window log; shared/windows/log.py has the real one."""

    async def append(self, contributions: Sequence[Contribution], judged: datetime, now: datetime) -> None:
        """Raises Retry."""


class LateEvents(Protocol):
    """What the windows say of events that come late; shared/windows/lookup.py answers."""

    async def counted(self, events: Sequence[Contribution]) -> list[Verdict]:
        """For each, whether its window counts it, or a Retry that says why nobody knows yet."""


class DeadLetters(Protocol):
    """The dead-letter topic."""

    async def send_rejected(self, message: Message, reject: Reject) -> None:
        """Raises Retry or Busy."""

    async def send(self, record: DeadLetterRecord) -> None:
        """Returns when durable; raises Retry or Busy."""
