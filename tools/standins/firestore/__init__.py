"""A stand-in for Firestore: documents in memory, atomic commits with preconditions, reads by name."""

from tools.standins.firestore.server import serve

__all__ = ["serve"]
