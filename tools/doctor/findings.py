"""What a check finds: a verdict, and what to do about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tools.errors import CommandError


class Verdict(StrEnum):
    """What can't be checked is neither a fault nor a reassurance."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "can't tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    """What was checked, such as `subscription dashboard-events-parse`."""
    verdict: Verdict
    detail: str
    fix: str = ""
    """The command that fixes it; empty unless something is wrong."""


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.OK, detail)


def wrong(check: str, detail: str, fix: str) -> Finding:
    return Finding(check, Verdict.WRONG, detail, fix)


def unknown(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.UNKNOWN, detail)


def judged(check: str, complaints: Iterable[str], fine: str, fix: str) -> Finding:
    """Wrong with all complaints, or ok with `fine` when there are none."""
    found = "; ".join(complaints)
    return wrong(check, found, fix) if found else ok(check, fine)


def guarded(check: str, findings: Iterator[Finding], fix: str) -> Iterator[Finding]:
    """The findings; a service that does not answer ends them with a finding that says so."""
    try:
        yield from findings
    except CommandError as error:
        yield wrong(check, str(error), fix)
