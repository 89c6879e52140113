"""A chain for the tests that add events and mend what others broke; each looks only for its own events."""

from tests.support.chain import chain, invoke, run

__all__ = ["chain", "invoke", "run"]
