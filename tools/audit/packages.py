"""Which releases of which packages are used: pinned for the functions, installed for the tools. Pure but for
`installed`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from tools.errors import UsageError

OURS = "cqc-feature-pipeline"
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?==(?P<version>[A-Za-z0-9.!+_-]+)(?=[\s;\\]|$)"
)


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One release; `name` as PyPI writes it in addresses."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def normalised(name: str) -> str:
    """`Google_Cloud.PubSub` and `google-cloud-pubsub` are one package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(text: str, source: str) -> set[Package]:
    """The releases in a requirements.txt; raises UsageError for a line that pins none."""
    packages = set()
    for line in text.splitlines():
        requirement = line.strip()
        if not requirement or requirement.startswith(("#", "--hash=")):
            continue
        pin = _PIN.match(requirement)
        if pin is None:
            raise UsageError(f"{source}: {requirement!r} pins no release: write name==version (nox -s lock)")
        packages.add(Package(normalised(pin["name"]), pin["version"]))
    return packages


def installed() -> set[Package]:
    """The releases in this environment, without this project."""
    found = {Package(normalised(dist.name), dist.version) for dist in metadata.distributions() if dist.name}
    return {package for package in found if package.name != OURS}


def used_by(groups: Mapping[str, Iterable[Package]]) -> dict[Package, list[str]]:
    """For each package the names of the groups that use it, both sorted."""
    users: dict[Package, list[str]] = {}
    for group in sorted(groups):
        for package in groups[group]:
            users.setdefault(package, []).append(group)
    return dict(sorted(users.items()))
