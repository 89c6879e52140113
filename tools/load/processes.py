"""CPU and memory of the chain's parts, each a process group, from Linux's /proc."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tools.errors import CommandError
from tools.load.figures import Slope, slope

PROC = Path("/proc")
MIB = 2**20
_PGRP, _UTIME, _STIME, _RSS = 2, 11, 12, 21
"""Places in /proc/PID/stat after the program's name: proc(5) counts them from 3."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A part at a time: `at` in seconds from the start, CPU seconds since its processes began, MiB resident.

    Pages that its processes share count in each, so `mib` is too much, by the same amount each time.
    """

    at: float
    pid: int
    cpu: float
    mib: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a part over a run; `cpu` is in cores, memory in MiB, its slope in MiB a minute."""

    cpu: float
    first: float
    peak: float
    last: float
    slope: Slope | None


def check_platform(proc: Path = PROC) -> None:
    """Raises CommandError where processes can't be measured."""
    if not (proc / "self" / "stat").exists():
        raise CommandError("CPU and memory are read from /proc, which only Linux has: run it there")


def sample(groups: Mapping[int, str], at: float, proc: Path = PROC) -> dict[str, Sample]:
    """Part to its sample, given the process groups' ids; a part without a process is missing."""
    found: dict[str, Sample] = {}
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for folder in proc.iterdir():
        fields = _stat(folder) if folder.name.isdigit() else None
        part = groups.get(int(fields[_PGRP])) if fields else None
        if fields is None or part is None:
            continue
        cpu = (int(fields[_UTIME]) + int(fields[_STIME])) / ticks
        mib = int(fields[_RSS]) * page / MIB
        before = found.get(part)
        pid = int(fields[_PGRP])
        found[part] = Sample(
            at, pid, cpu + (before.cpu if before else 0), mib + (before.mib if before else 0)
        )
    return found


def _stat(folder: Path) -> list[str] | None:
    """The fields after the program's name, which may hold spaces and parentheses; None if it is gone."""
    try:
        return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def usage(samples: Sequence[Sample], settled: float) -> Usage | None:
    """Over the run; None for fewer than two samples.

    The slope leaves out what was before `settled` (seconds from the start) and any earlier process of the
    part: a start always grows.
    """
    if len(samples) < 2 or samples[-1].at <= samples[0].at:
        return None
    used = sum(
        max(0.0, after.cpu - before.cpu) for before, after in pairwise(samples) if before.pid == after.pid
    )
    last = samples[-1]
    line = [(each.at / 60, each.mib) for each in samples if each.pid == last.pid and each.at >= settled]
    return Usage(
        cpu=used / (last.at - samples[0].at),
        first=samples[0].mib,
        peak=max(each.mib for each in samples),
        last=last.mib,
        slope=slope(line),
    )
