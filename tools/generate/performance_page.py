"""The generated part of docs/performance.md: the rounds and starts of the last recording."""

from tools.cost import measurements
from tools.cost.measurements import Measurements, Round, Spread, Start
from tools.generate.output import Files, markdown_table, with_part
from tools.paths import ROOT

PAGE = ROOT / "docs" / "performance.md"


def part() -> str:
    """From the committed recording."""
    measured = measurements.load()
    return "\n".join(
        (
            f"{measured.rounds_each} alternating rounds of {measured.rounds_of:,} events each, on "
            f"{measured.recorded} at {measured.commit}: {measured.machine}. Medians, in brackets the middle "
            "half of the rounds.\n",
            markdown_table(
                (
                    "Function",
                    "at once",
                    "CPU × no-op",
                    "CPU, µs",
                    "events/s",
                    "p99, ms",
                    "MiB",
                    "calls an event",
                ),
                map(_round, measured.rounds),
            ),
            "Starts, from the process's start to its first answer:\n",
            markdown_table(
                ("Function", "CPU, s", "× no-op", "MiB"),
                (_start(measured, start) for start in measured.starts),
            ),
        )
    )


def _round(found: Round) -> tuple[str, ...]:
    return (
        f"`{found.function}`",
        str(found.at_once),
        str(found.times_noop),
        _whole(found.cpu_us),
        _whole(found.events_per_second),
        f"{found.p99_ms:.0f}",
        f"{found.rss_mb:.0f}",
        f"{found.calls:.3f}" if found.calls else "",
    )


def _whole(spread: Spread) -> str:
    return f"{spread.median:,.0f} ({spread.low:,.0f}–{spread.high:,.0f})"


def _start(measured: Measurements, start: Start) -> tuple[str, ...]:
    noop = measured.starts[0].cpu_seconds.median
    return (
        f"`{start.function}`",
        str(start.cpu_seconds),
        f"{start.cpu_seconds.median / noop:.1f}",
        f"{start.rss_mb:.0f}",
    )


def files() -> Files:
    return {PAGE: with_part(PAGE, part())}
