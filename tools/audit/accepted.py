"""Findings that somebody has accepted, with a reason and an end date, in tools/audit/accepted.toml. Pure.

[[accepted]]
package = "requests"
id = "PYSEC-2030-1"                       or one of its aliases, a CVE or a GHSA
reason = "only for a feature that we do not use"
until = 2030-06-30                        the last day on which it counts, at most half a year ahead
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tools.audit.advisories import Finding
from tools.audit.packages import normalised
from tools.errors import UsageError

LONGEST = timedelta(days=183)
"""An acceptance is looked at again; half a year is two releases of most packages."""
_FIELDS = {"package": str, "id": str, "reason": str, "until": date}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One entry of the file."""

    package: str
    id: str
    reason: str
    until: date

    def is_of(self, finding: Finding) -> bool:
        """Whether it is about this finding, whatever the day."""
        return normalised(self.package) == finding.package.name and self.id in (finding.id, *finding.aliases)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`open` fails the audit; `ended` are those of them whose acceptance is over; `unused` accept nothing."""

    open: Sequence[Finding]
    accepted: Sequence[tuple[Finding, Acceptance]]
    ended: Mapping[Finding, Acceptance]
    unused: Sequence[Acceptance]


def read(text: str, today: date, source: str) -> list[Acceptance]:
    """The entries; raises UsageError naming the one that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source} is not TOML: {error}") from None
    entries = document.pop("accepted", [])
    if document or not isinstance(entries, list):
        raise UsageError(f"{source}: write nothing but [[accepted]] entries")
    return [_acceptance(entry, today, f"{source}, entry {n}") for n, entry in enumerate(entries, start=1)]


def _acceptance(entry: object, today: date, place: str) -> Acceptance:
    if not isinstance(entry, dict) or entry.keys() != _FIELDS.keys():
        raise UsageError(f"{place}: it needs {', '.join(_FIELDS)}, and nothing else")
    for name, kind in _FIELDS.items():
        if type(entry[name]) is not kind or entry[name] == "":
            what = "a date without quotes, such as 2030-06-30" if kind is date else "a text"
            raise UsageError(f"{place}: {name} must be {what}")
    acceptance = Acceptance(**entry)
    if acceptance.until > today + LONGEST:
        last = today + LONGEST
        raise UsageError(f"{place}: until {acceptance.until} is too far ahead: {last} at the latest")
    return acceptance


def judge(findings: Sequence[Finding], accepted: Sequence[Acceptance], today: date) -> Judgement:
    """Which findings are accepted today."""
    open_: list[Finding] = []
    taken: list[tuple[Finding, Acceptance]] = []
    ended: dict[Finding, Acceptance] = {}
    for finding in findings:
        about = [acceptance for acceptance in accepted if acceptance.is_of(finding)]
        valid = next((acceptance for acceptance in about if today <= acceptance.until), None)
        if valid is not None:
            taken.append((finding, valid))
            continue
        open_.append(finding)
        if about:
            ended[finding] = about[-1]
    unused = [entry for entry in accepted if not any(entry.is_of(finding) for finding in findings)]
    return Judgement(open_, taken, ended, unused)
