"""A stand-in for Pub/Sub: the gRPC calls that this pipeline makes, and push with Pub/Sub's guarantees."""

from tools.standins.pubsub.server import serve

__all__ = ["serve"]
