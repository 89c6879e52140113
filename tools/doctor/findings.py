"""What a check finds: a verdict, and where it is not ok what to do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tools.errors import CommandError


class Verdict(StrEnum):
    """A thing that can't be looked at is no fault, and no reassurance either."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "can't tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    """What was looked at, such as `subscription dashboard-events-parse`."""
    verdict: Verdict
    detail: str
    fix: str = ""
    """A command, where something is wrong."""


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.OK, detail)


def wrong(check: str, detail: str, fix: str) -> Finding:
    return Finding(check, Verdict.WRONG, detail, fix)


def unknown(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.UNKNOWN, detail)


def judged(check: str, complaints: Iterable[str], fine: str, fix: str) -> Finding:
    """Wrong with all complaints, or ok with `fine` where there is none."""
    found = "; ".join(complaints)
    return wrong(check, found, fix) if found else ok(check, fine)


def guarded(check: str, findings: Iterator[Finding], fix: str) -> Iterator[Finding]:
    """The findings; a service that does not answer ends them with one that says so."""
    try:
        yield from findings
    except CommandError as error:
        yield wrong(check, str(error), fix)
