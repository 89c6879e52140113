"""A stand-in for Pub/Sub: the calls that this pipeline makes, over gRPC, and push with its guarantees."""

from tools.standins.pubsub.server import PUSH_CONCURRENCY, serve

__all__ = ["PUSH_CONCURRENCY", "serve"]
