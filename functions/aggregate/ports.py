"""What the flush asks of the world besides documents, rows and online values; the dead-letter publisher
answers."""

from typing import Protocol

from shared.dead_letters.record import DeadLetterRecord


class DeadLetters(Protocol):
    """The dead-letter topic."""

    async def send(self, record: DeadLetterRecord) -> None:
        """Returns when durable; raises Retry or Busy."""
