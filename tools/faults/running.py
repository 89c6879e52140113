"""A plan under way: a file that the chain writes once it is up, and the record of what was injected."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict

from tools.faults.plan import Plan

RUNNING = "running.json"
RECORD = "injected.jsonl"
_BEGIN = "begin"


class Running(BaseModel):
    """The file: the plan, and since when it runs, in seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    plan: Plan
    began: float

    @property
    def heals(self) -> float:
        return self.began + self.plan.heals_at

    @staticmethod
    def found_in(folder: Path) -> "Running | None":
        """None before the chain is up."""
        try:
            return Running.model_validate_json((folder / RUNNING).read_bytes())
        except FileNotFoundError:
            return None

    def write(self, folder: Path) -> None:
        """All at once, for processes that look for it at each call."""
        temporary = folder / f".{RUNNING}"
        temporary.write_text(self.model_dump_json())
        temporary.replace(folder / RUNNING)


@dataclass(frozen=True, slots=True)
class Record:
    """Lines of JSON that many processes append to; a killed one loses none that it wrote."""

    path: Path

    def add(self, kind: str, part: str, site: str = "") -> None:
        line = orjson.dumps({"kind": str(kind), "part": part, "site": site}) + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def begin(self, part: str) -> int:
        """Notes that a process of the part begins; returns how many have before."""
        before = sum(line == {"kind": _BEGIN, "part": part, "site": ""} for line in self._lines())
        self.add(_BEGIN, part)
        return before

    def counted(self) -> Counter[tuple[str, str]]:
        """Kind and part to how often it happened."""
        return Counter(
            (str(line["kind"]), str(line["part"])) for line in self._lines() if line["kind"] != _BEGIN
        )

    def _lines(self) -> list[dict[str, object]]:
        if not self.path.exists():
            return []
        return [orjson.loads(line) for line in self.path.read_bytes().splitlines()]
