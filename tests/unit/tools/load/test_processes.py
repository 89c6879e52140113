"""CPU and memory from /proc, whose processes come and go."""

import os
from pathlib import Path

import pytest

from tools.errors import CommandError
from tools.load.processes import MIB, Sample, check_platform, sample, usage

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def process(proc: Path, pid: int, group: int, name: str, seconds: int, mib: int) -> None:
    after = [
        "S",
        "1",
        str(group),
        *["0"] * 8,
        str(seconds * TICKS),
        "0",
        *["0"] * 8,
        str(mib * MIB // PAGE),
        "0",
    ]
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(after)}\n")


def test_a_part_is_the_sum_of_its_group_whatever_its_processes_are_called(tmp_path: Path) -> None:
    process(tmp_path, 10, 10, "python", 3, 50)
    process(tmp_path, 11, 10, "a) S 1 99 (b", 4, 20)
    process(tmp_path, 12, 12, "stranger", 100, 900)
    (tmp_path / "13").mkdir()  # it ended while we looked
    (tmp_path / "meminfo").write_text("")
    assert sample({10: "parse", 77: "gone"}, 5.0, tmp_path) == {"parse": Sample(5.0, 10, 7.0, 70.0)}


def test_this_process_can_be_measured() -> None:
    (found,) = sample({os.getpgid(0): "self"}, 0.0).values()
    assert found.mib > 1


def test_without_proc_it_says_where_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="only Linux has"):
        check_platform(tmp_path)


def test_a_replaced_process_is_no_negative_cpu_and_starts_a_slope_of_its_own() -> None:
    before = [Sample(float(at), 1, 10.0 + at, 500.0 + at) for at in range(10)]
    after = [Sample(float(at), 2, (at - 10) * 0.5, 100.0) for at in range(10, 20)]
    used = usage(before + after, settled=0.0)
    assert used is not None
    assert used.cpu == pytest.approx((9 + 4.5) / 19)
    assert (used.first, used.peak, used.last) == (500.0, 509.0, 100.0)
    assert used.slope is not None
    assert used.slope.value == 0


def test_the_slope_leaves_out_the_start_and_is_by_the_minute() -> None:
    start = [Sample(float(at), 1, 0.0, 1_000.0 * at) for at in range(10)]
    later = [Sample(float(at), 1, 0.0, 10.0 + at) for at in range(10, 70)]
    used = usage(start + later, settled=10.0)
    assert used is not None
    assert used.slope is not None
    assert used.slope.value == pytest.approx(60)


@pytest.mark.parametrize("samples", [[], [Sample(1, 1, 1, 1)], [Sample(1, 1, 1, 1)] * 2])
def test_too_few_samples_are_no_usage(samples: list[Sample]) -> None:
    assert usage(samples, 0.0) is None
