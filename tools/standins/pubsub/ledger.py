"""What a broker tells about its messages, to whoever keeps them; this one keeps nothing.

Each method is called before the change is answered. Kept on disk: kept.py.
"""

from collections.abc import Sequence

from tools.standins.pubsub.model import Delivery, Message


class Ledger:
    """In memory there is nothing to keep."""

    def topic_created(self, name: str) -> None:
        pass

    def subscription_changed(self, name: str, topic: str, resource: bytes) -> None:
        """Created, or changed; `resource` is a google.pubsub.v1.Subscription."""

    def subscription_deleted(self, name: str) -> None:
        pass

    def published(self, topic: str, messages: Sequence[Message], subscriptions: Sequence[str]) -> None:
        """Each of the subscriptions, by name, has each message to deliver."""

    def settled(self, subscription: str, delivery: Delivery) -> None:
        """Acknowledged, or forwarded to the dead-letter topic."""

    def failed(self, subscription: str, delivery: Delivery) -> None:
        """To be delivered again, as the attempt that the delivery says."""

    def sought(self, subscription: str, messages: Sequence[Message]) -> None:
        """These are to be delivered, and no others."""
