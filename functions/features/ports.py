"""What `features` asks of the world besides rows and online values; shared/gcp/firestore.py and the
dead-letter publisher answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.dead_letters.record import DeadLetterRecord
from shared.errors import Reject
from shared.message import Message
from shared.windows.log import Contribution


class WindowLog(Protocol):
    """The window log."""

    async def append(self, contributions: Sequence[Contribution], now: datetime) -> None:
        """Raises Retry."""

    async def counted(self, contributions: Sequence[Contribution]) -> list[bool]:
        """For each, whether its window holds the event already; raises Retry."""


class DeadLetters(Protocol):
    """The dead-letter topic."""

    async def send_rejected(self, message: Message, reject: Reject) -> None:
        """Raises Retry or Busy."""

    async def send(self, record: DeadLetterRecord) -> None:
        """Returns when durable; raises Retry or Busy."""
