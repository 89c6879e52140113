"""`cqc sample`: realistic events as JSON lines on stdout."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

_Share = Annotated[float, typer.Option(min=0.0, max=1.0, metavar="FRACTION")]


def sample(
    lines: Annotated[int, typer.Argument(metavar="N", min=0, max=1_000_000, help="How many lines.")],
    seed: Annotated[int, typer.Option(help="The same seed and --now give the same lines.")] = 1,
    locations: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many locations.")] = 25,
    bad: _Share = 0.0,
    late: _Share = 0.0,
    duplicates: _Share = 0.0,
    now: Annotated[str | None, typer.Option(metavar="TIME", help="The events' present [now].")] = None,
) -> None:
    """Write realistic events of all types as JSON lines."""
    from tools.sampling import mix
    from tools.times import instant

    recipe = mix.Recipe(lines, locations, bad, late, duplicates)
    present = datetime.now(UTC) if now is None else instant("--now", now)
    sys.stdout.buffer.writelines(line + b"\n" for line in mix.sample(recipe, seed, present))
    sys.stdout.buffer.flush()
