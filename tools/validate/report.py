"""The verdicts on a file's lines: as sentences for people, as JSON for machines, and counted. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import ErrorType
from tools.console import one_line
from tools.validate.checking import Checker, Rejected, Verdict

_ONE_LINE = "\nEach event must be on one line: `jq -c . FILE` joins events that span several lines."


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1, empty lines too: editors count so."""

    number: int
    verdict: Verdict

    def in_words(self) -> str:
        """A sentence, and indented below it what a producer should look at."""
        return "\n    ".join(map(one_line, self._sentences()))

    def _sentences(self) -> Iterator[str]:
        verdict = self.verdict
        if isinstance(verdict, Rejected):
            yield f"line {self.number}: rejected, {verdict.error_type.value}: {verdict.message}"
        else:
            yield f"line {self.number}: accepted, {verdict.event.event_type} ({verdict.event.category})"
            if verdict.unknown_fields:
                yield f"no feature uses {', '.join(verdict.unknown_fields)}"
        yield from verdict.hints

    def to_dict(self) -> dict[str, object]:
        verdict = self.verdict
        if isinstance(verdict, Rejected):
            return {
                "line": self.number,
                "accepted": False,
                "error_type": verdict.error_type.value,
                "message": verdict.message,
                "hints": verdict.hints,
            }
        return {
            "line": self.number,
            "accepted": True,
            "event_type": verdict.event.event_type,
            "category": verdict.event.category,
            "unknown_fields": verdict.unknown_fields,
            "hints": verdict.hints,
        }


@dataclass(slots=True)
class Report:
    """Checks line after line and keeps the counts; it skips empty lines, as `cqc publish` does."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Lines by error_type."""
    unknown_fields: Counter[str] = field(default_factory=Counter)
    """Lines by field that no feature uses, such as `rating_change.metrics.colour`."""
    empty_lines: int = 0
    _checker: Checker = field(default_factory=Checker)

    @property
    def events(self) -> int:
        return self.accepted + self.rejected.total()

    def check(self, data: bytes, now: datetime) -> Line | None:
        """The next line with its verdict; None for an empty one."""
        if not data.strip():
            self.empty_lines += 1
            return None
        verdict = self._checker.check(data, now)
        if isinstance(verdict, Rejected):
            self.rejected[verdict.error_type.value] += 1
        else:
            self.accepted += 1
            self.unknown_fields.update(
                f"{verdict.event.event_type}.{name}" for name in verdict.unknown_fields
            )
        return Line(self.events + self.empty_lines, verdict)

    def summary(self) -> str:
        """`3 events: 2 accepted, 1 rejected (1 schema_error)`, and what to do about broken lines."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.rejected.most_common())
        text = f"{self.events} event{'' if self.events == 1 else 's'}: "
        text += f"{self.accepted} accepted, {self.rejected.total()} rejected"
        text += f" ({reasons})" if reasons else ""
        return text + (_ONE_LINE if ErrorType.JSON_PARSE_ERROR in self.rejected else "")

    def to_dict(self) -> dict[str, object]:
        return {
            "accepted": self.accepted,
            "rejected": self.rejected.total(),
            "empty_lines_skipped": self.empty_lines,
            "error_types": dict(self.rejected),
            "unknown_fields": dict(self.unknown_fields),
        }
