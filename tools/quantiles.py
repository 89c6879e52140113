"""Percentiles of a few thousand values."""

from collections.abc import Sequence
from math import ceil


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of these, in order, that at least this share does not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
