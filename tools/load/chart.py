"""The run as a picture: latency, backlog, memory and CPU over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools.load.processes import Sample
from tools.load.running import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(result: Result, path: Path) -> None:
    """Writes a PNG."""
    import matplotlib as mpl  # 0.5 s to import

    mpl.use("Agg")  # draws without a screen
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 1, figsize=(11, 14), sharex=True, layout="constrained")
    try:
        latency, backlog, memory, cpu = axes
        _latency(latency, result)
        _backlog(backlog, result)
        for part, samples in sorted(result.observer.samples.items()):
            memory.plot([each.at for each in samples], [each.mib for each in samples], label=part)
            cpu.plot(*_cores(samples), label=part)
        memory.set_ylabel("MiB resident")
        cpu.set_ylabel("cores")
        cpu.set_xlabel("seconds from the first event")
        for each in axes:
            _mark(each, result)
            each.legend(loc="upper left", fontsize="small", ncols=4)
        figure.savefig(path, dpi=110)
    finally:
        pyplot.close(figure)


def _latency(axes: "Axes", result: Result) -> None:
    for name, sightings in (("row in BigQuery", result.rows), ("online value", result.values)):
        seen = sorted((each.due, each.seconds) for each in sightings.seen)
        axes.plot([due for due, _ in seen], [took for _, took in seen], ".", markersize=2, label=name)
    axes.set_yscale("log")
    axes.set_ylabel("seconds from due until seen")


def _backlog(axes: "Axes", result: Result) -> None:
    held = result.observer.held
    for function in sorted({name for each in held for name in each.undelivered}):
        axes.plot([e.at for e in held], [e.undelivered.get(function, 0) for e in held], label=function)
    axes.set_ylabel("messages not acknowledged")


def _mark(axes: "Axes", result: Result) -> None:
    """Grey while the burst or outage lasts, a line where the load ends."""
    if result.plan.disturbed is not None:
        axes.axvspan(*result.plan.disturbed, color="grey", alpha=0.2)
    axes.axvline(result.load_ended, color="grey", linestyle=":")
    axes.grid(alpha=0.3)


def _cores(samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """Over each 5 samples: a single one is too short for the kernel's ticks."""
    spans = [
        (after.at, max(0.0, after.cpu - before.cpu) / (after.at - before.at))
        for before, after in zip(samples[::5], samples[5::5], strict=False)
        if before.pid == after.pid
    ]
    return [at for at, _ in spans], [cores for _, cores in spans]
