"""Which part is started again when, and when the chain gives up. The parts are real processes."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from tests.support.polling import until
from tools.local.process import Part, PartDied, Process, stop_all
from tools.local.supervisor import AT_ONCE, Supervisor

WAITS = "import time; time.sleep(600)"
ENDS_WELL = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("waiting", flush=True)
signal.sigwait([signal.SIGTERM])
"""
CRASHES = "raise SystemExit('no such setting')"


@dataclass
class Household:
    """One part called `part` under supervision, whose time a test moves on."""

    folder: Path
    code: str = WAITS
    now: float = 0.0
    said: list[str] = field(default_factory=list)
    ready: list[Mapping[str, int]] = field(default_factory=list)
    started: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            [self.start("part")],
            self.start,
            ready=self.become_ready,
            changed=self.ready.append,
            report=self.said.append,
            forgetful={"part": ", as always"},
            delays=(0.0, 3.0),
            clock=lambda: self.now,
        )

    def start(self, name: str) -> Process:
        part = Part(name, [sys.executable, "-c", self.code], os.environ)
        self.started.append(Process(part, self.folder / "part.log", continues=bool(self.started)))
        return self.started[-1]

    def become_ready(self, process: Process) -> None:
        if self.code == CRASHES:
            process.reap()
        if self.code == ENDS_WELL:
            replaced = len(self.started) - 1
            until(lambda: process.tail(1000).count("waiting"), "the part", lambda seen: seen >= replaced)
        process.check()

    def tick_until_it_said(self, number: int) -> None:
        def tick() -> list[str]:
            self.supervisor.tick()
            return self.said

        until(tick, f"{number} sentences", lambda said: len(said) == number)

    def close(self) -> None:
        self.supervisor.close()
        stop_all(self.started, grace=0)


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    yield made
    made.close()


def test_a_part_that_was_killed_is_started_again_at_once(household: Household) -> None:
    household.now = 60.0
    household.started[0].signal_group(SIGKILL)
    household.tick_until_it_said(2)
    assert household.said == [
        "part was ended by SIGKILL: starting it again",
        "part is back after 0.0 s without its data, as always",
    ]
    first, second = household.started
    assert household.ready == [{}, {"part": second.pid}]
    assert (first.is_running(), second.is_running()) == (False, True)


def test_a_part_that_crashes_at_once_is_given_more_time_and_then_up(household: Household) -> None:
    household.code = CRASHES
    household.started[0].signal_group(SIGKILL)
    household.tick_until_it_said(2)
    assert household.said[1] == "part ended with exit code 1: starting it again in 3 s"
    for _ in range(20):
        household.supervisor.tick()
    assert len(household.started) == 2, "not before its time"
    household.now += 3.0
    with pytest.raises(PartDied) as given_up:
        household.tick_until_it_said(3)
    assert "exit code 1, now 3 times in a row: the chain gives up" in str(given_up.value)
    assert "no such setting" in str(given_up.value), "the end of its log"


def test_crashes_far_apart_are_not_counted_together(household: Household) -> None:
    for lives in range(1, 6):
        household.now += AT_ONCE
        household.started[-1].signal_group(SIGTERM)
        household.tick_until_it_said(2 * lives)
    assert set(household.said[::2]) == {"part was ended by SIGTERM: starting it again"}


def test_a_part_that_is_asked_to_end_has_not_crashed(household: Household) -> None:
    household.code = ENDS_WELL
    household.started[0].signal_group(SIGKILL)
    household.tick_until_it_said(2)
    for times in range(5):
        household.started[-1].signal_group(SIGTERM)
        household.tick_until_it_said(4 + 2 * times)
    assert set(household.said[2::2]) == {"part ended with exit code 0: starting it again"}


def test_the_log_keeps_what_the_process_before_wrote(household: Household) -> None:
    household.code = CRASHES
    household.started[0].signal_group(SIGKILL)
    household.tick_until_it_said(2)
    household.code = WAITS
    household.now += 3.0
    household.tick_until_it_said(3)
    assert "no such setting" in household.started[-1].tail()
