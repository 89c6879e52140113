"""What PyPI knows about the vulnerabilities of a release: `GET /pypi/NAME/VERSION/json`.

Source: https://docs.pypi.org/api/json/#known-vulnerabilities. pip-audit asks the same service, but passes
over a release that PyPI answers 404 for, and what was not looked at is not safe.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from tools.audit.packages import Package

PYPI = "https://pypi.org"
AT_ONCE = 8
SECONDS = 15.0
"""For one answer."""
MAX_BYTES = 32 * 2**20
"""Of one answer: the largest packages have some megabytes."""
_SUMMARY = 160


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A known vulnerability of a release that is used."""

    package: Package
    id: str
    aliases: tuple[str, ...]
    fixed_in: tuple[str, ...]
    summary: str


class Unknown(Exception):
    """Nothing can be said about a release; the text says why."""

    def __init__(self, why: str, nobody_answers: bool = False) -> None:
        super().__init__(why)
        self.nobody_answers = nobody_answers


@dataclass(frozen=True, slots=True)
class Answers:
    """All findings, sorted, and the releases about which nothing is known."""

    findings: Sequence[Finding]
    unknown: Mapping[Package, Unknown]


def look_up(packages: Iterable[Package], url: str) -> Answers:
    """Asks for the first release alone: where nobody answers, the others are not tried."""
    first, *others = sorted(packages)
    answer = _ask(first, url)
    if isinstance(answer, Unknown) and answer.nobody_answers:
        return Answers([], dict.fromkeys([first, *others], answer))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = {first: answer} | dict(
            zip(others, pool.map(lambda package: _ask(package, url), others), strict=True)
        )
    findings = [finding for answer in answers.values() if isinstance(answer, list) for finding in answer]
    unknown = {package: answer for package, answer in answers.items() if isinstance(answer, Unknown)}
    return Answers(sorted(findings), unknown)


def _ask(package: Package, url: str) -> list[Finding] | Unknown:
    try:
        return findings_in(_get(f"{url}/pypi/{quote(package.name)}/{quote(package.version)}/json"), package)
    except Unknown as unknown:
        return unknown


def _get(address: str) -> bytes:
    """The answer's body; raises Unknown."""
    request = Request(address, headers={"Accept": "application/json"})
    try:
        with urlopen(request, timeout=SECONDS) as response:
            body: bytes = response.read(MAX_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise Unknown(f"{address} answers {error.code}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise Unknown(f"{address} does not answer ({reason})", nobody_answers=True) from None
    if len(body) > MAX_BYTES:
        raise Unknown(f"{address} answers more than {MAX_BYTES >> 20} MiB")
    return body


def findings_in(body: bytes, package: Package) -> list[Finding]:
    """The findings in an answer, without withdrawn ones; raises Unknown for what is not PyPI's answer."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unknown(f"the answer about {package} is not JSON ({type(error).__name__})") from None
    listed = answer.get("vulnerabilities") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise Unknown(f"the answer about {package} has no list of vulnerabilities")
    return [_finding(entry, package) for entry in listed if not entry.get("withdrawn")]


def _finding(entry: Mapping[str, object], package: Package) -> Finding:
    """Raises Unknown."""
    identity = entry.get("id")
    if not isinstance(identity, str) or not identity:
        raise Unknown(f"the answer about {package} has a vulnerability without an id")
    summary = entry.get("summary") or entry.get("details")
    return Finding(
        package,
        _plain(identity),
        _texts(entry.get("aliases")),
        _texts(entry.get("fixed_in")),
        _plain(summary) if isinstance(summary, str) else "",
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_plain(text) for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def _plain(text: str) -> str:
    """Its start on one line, without what a terminal would obey."""
    line = " ".join(text[: 4 * _SUMMARY].split())
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return shown if len(shown) <= _SUMMARY else f"{shown[: _SUMMARY - 1]}…"
