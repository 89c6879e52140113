"""`cqc sample`: realistic events as JSON lines on stdout."""

import sys
from datetime import UTC, datetime

from tools.sampling.mix import Recipe, sample
from tools.times import instant


def run(recipe: Recipe, seed: int, now: str | None) -> None:
    """Writes the lines; raises UsageError for a `now` that is no time."""
    lines = sample(recipe, seed, datetime.now(UTC) if now is None else instant("--now", now))
    sys.stdout.buffer.writelines(text + b"\n" for text in lines)
    sys.stdout.buffer.flush()
