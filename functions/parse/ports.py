"""What `parse` needs from outside; shared/gcp/pubsub.py implements it."""

from collections.abc import Sequence
from typing import Protocol

from shared.delivery.batching import Outcome
from shared.message import OutMessage


class ParsedTopic(Protocol):
    """dashboard-events-parsed."""

    async def publish_batch(self, messages: Sequence[OutMessage]) -> Sequence[Outcome]:
        """One outcome per message; raises Retry."""
