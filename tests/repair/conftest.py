"""A chain for the tests that add and repair events; each looks only at its own events."""

from tests.repair.scratch import scratch
from tests.support.chain import chain, invoke, run

__all__ = ["chain", "invoke", "run", "scratch"]
