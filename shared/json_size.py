"""JSON that takes far more memory than its bytes.

orjson makes 20 times the bytes of empty lists, pydantic 200 times: 10 MB of them took `deadletter` to 2.4 GB.
What Google and we put around a payload has a few dozen values, and the payload is base64.
"""

SMALL = 64 * 1024
"""Bytes. A shorter text is harmless, whatever it is: nothing is counted on the hot path."""
MAX_DELIMITERS = 200_000
"""A message's attributes are at most 128 KB, and may consist of commas."""


def is_bloated(text: bytes) -> bool:
    """Whether more than MAX_DELIMITERS characters begin or part values; those within strings count, too."""
    return len(text) > SMALL and sum(map(text.count, (b",", b"[", b"{"))) > MAX_DELIMITERS
