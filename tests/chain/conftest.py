"""A chain for tests that only read it; those that add events have their own (tests/repair)."""

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from tests.support.chain import chain, invoke, run

__all__ = ["chain", "invoke", "run"]


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """A client of a chain is pointed at it by environment variables: they end with the test."""
    with patch.dict(os.environ):
        yield
