"""A chain for the tests that only look at it; those that add events have their own (tests/repair)."""

from tests.support.chain import chain, invoke, run

__all__ = ["chain", "invoke", "run"]
