"""What `parse` asks of the world; shared/gcp/pubsub.py answers."""

from collections.abc import Sequence
from typing import Protocol

from shared.delivery.batching import Outcome
from shared.message import OutMessage


class ParsedTopic(Protocol):
    """dashboard-events-parsed."""

    async def publish_batch(self, messages: Sequence[OutMessage]) -> Sequence[Outcome]:
        """One outcome a message; raises Retry."""
