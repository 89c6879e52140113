"""The deliberate breakages, by area in planted/{area}.toml, each with what it would do in production.

[[mutant]]
does = "an event at a window's end is not late"        what it would do; its name, with the area
file = "functions/aggregate/window.py"
before = "if arrival >= end:"                           stands in the file once
after = "if arrival > end:"
tests = ["tests/unit/aggregate/test_window.py"]         one of these fails; few and fast
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PLANTED = Path(__file__).parent / "planted"
TERRAFORM_TESTS = "tests/terraform/"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One breakage, and the tests (paths or ids) of which one must fail."""

    area: str
    does: str
    file: str
    before: str
    after: str
    tests: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.area}: {self.does}"

    @property
    def needs_terraform(self) -> bool:
        return any(test.startswith(TERRAFORM_TESTS) for test in self.tests)

    def planted_in(self, text: str) -> str:
        """The file's text with the breakage; raises ValueError where `before` does not stand exactly once."""
        if (times := text.count(self.before)) != 1:
            raise ValueError(f"{self.name}: `before` stands {times} times in {self.file}, not once")
        return text.replace(self.before, self.after)


def load() -> list[Mutant]:
    """All of them, by area and in the order in which they are written."""
    return [mutant for path in sorted(PLANTED.glob("*.toml")) for mutant in _of_area(path)]


def _of_area(path: Path) -> list[Mutant]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(area=path.stem, **table) for table in tables]
