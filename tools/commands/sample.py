"""`cqc sample`: realistic events as JSON lines on stdout."""

import sys
from datetime import UTC, datetime

from tools.errors import UsageError
from tools.sampling.mix import Recipe, sample


def run(recipe: Recipe, seed: int, now: str | None) -> None:
    """Writes the lines; raises UsageError for a `now` that is no time."""
    lines = sample(recipe, seed, _present(now))
    sys.stdout.buffer.writelines(text + b"\n" for text in lines)
    sys.stdout.buffer.flush()


def _present(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--now {text}: {error}; write it like 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise UsageError(f"--now {text} has no offset: end it with Z")
    return moment.astimezone(UTC)
