"""A stand-in for a Vertex AI feature online store: direct write and fetch, where the newest value wins.

Google has no emulator to compare it with; it follows the service's reference.
"""

from tools.standins.feature_store.server import serve

__all__ = ["serve"]
