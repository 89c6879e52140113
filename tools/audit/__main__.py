"""`python -m tools.audit`: are vulnerabilities known of what the functions and the tools run with?

Looks at the releases pinned in functions/*/requirements.txt and at those installed in this environment.
Exit codes: 0 none is open, 1 some are, 2 nothing is known of some release.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from tools.audit.accepted import Judgement, judge, read
from tools.audit.advisories import PYPI, Finding, Unknown, look_up
from tools.audit.packages import Package, installed, pinned, used_by
from tools.console import console, table
from tools.errors import CommandError, ProblemsFound, UsageError
from tools.paths import ROOT

ACCEPTED = ROOT / "tools" / "audit" / "accepted.toml"
say = console()


class NotKnown(CommandError):
    """The service said nothing about some releases: exit code 2."""


class NothingKnown(NotKnown):
    """It said nothing about any."""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _options(arguments)
    try:
        audit(options.url.rstrip("/"), datetime.now(UTC).date(), options.accepted)
    except CommandError as error:
        if options.where_reachable and isinstance(error, NothingKnown):
            say.print(f"NOT CHECKED: {error}")
            return 0
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s audit --", description=__doc__)
    parser.add_argument("--url", default=PYPI, type=_web_address, help=f"another PyPI than {PYPI}")
    parser.add_argument("--accepted", default=ACCEPTED, type=Path, help="another file of accepted findings")
    unreachable = "where PyPI does not answer, say so and exit with 0, as CI without internet does"
    parser.add_argument("--where-reachable", action="store_true", help=unreachable)
    return parser.parse_args(arguments)


def _web_address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} is not an address that begins with https://")
    return text


def audit(url: str, today: date, accepted: Path) -> None:
    """Prints what is found. Raises ProblemsFound for open findings, else NotKnown, and UsageError."""
    try:
        acceptances = read(accepted.read_text(encoding="utf-8"), today, str(accepted))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{accepted} can't be read ({error}): it may be empty, but not missing") from None
    users = used_by(_groups())
    answers = look_up(users, url)
    judgement = judge(answers.findings, acceptances, today)
    _print(judgement, users)
    known = len(users) - len(answers.unknown)
    if judgement.open:
        many = "vulnerability is" if len(judgement.open) == 1 else "vulnerabilities are"
        raise ProblemsFound(
            f"{len(judgement.open)} {many} known: raise the version (nox -s lock -- --upgrade) or accept "
            "the finding with a reason and an end date in tools/audit/accepted.toml"
        )
    if answers.unknown:
        raise (NotKnown if known else NothingKnown)(_unknown(answers.unknown))
    say.print(f"No open vulnerability is known in {known} releases; {len(judgement.accepted)} are accepted.")


def _groups() -> Mapping[str, set[Package]]:
    files = sorted(ROOT.glob("functions/*/requirements.txt"))
    groups = {f.parent.name: pinned(f.read_text(encoding="utf-8"), str(f.relative_to(ROOT))) for f in files}
    return groups | {"tools": installed()}


def _print(judgement: Judgement, users: Mapping[Package, Sequence[str]]) -> None:
    rows = [
        (
            str(finding.package),
            ", ".join(users[finding.package]),
            finding.id,
            ", ".join(finding.aliases),
            ", ".join(finding.fixed_in) or "no release",
            _why(judgement, finding),
        )
        for finding in judgement.open
    ]
    if rows:
        say.print(table(("release", "used by", "finding", "also", "fixed in", "what"), rows))
    for finding, acceptance in judgement.accepted:
        say.print(
            f"accepted until {acceptance.until}: {finding.id} in {finding.package}: {acceptance.reason}"
        )
    for entry in judgement.unused:
        say.print(f"no longer found, so it can go from accepted.toml: {entry.id} in {entry.package}")


def _why(judgement: Judgement, finding: Finding) -> str:
    acceptance = judgement.ended.get(finding)
    if acceptance is not None:
        return f"accepted until {acceptance.until}, which is over: {acceptance.reason}"
    return finding.summary


def _unknown(unknown: Mapping[Package, Unknown]) -> str:
    package = min(unknown)
    why = unknown[package]
    others = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"nothing is known of {package}{others}, as {why}: run it where PyPI's JSON API can be reached"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
