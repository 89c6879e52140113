"""A chain for tests that only read it; those that add events have their own (tests/repair)."""

from tests.support.chain import chain, invoke, run

__all__ = ["chain", "invoke", "run"]
