"""What a redrive changes in an event: fields set to expressions, or removed. Pure."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from tools.errors import UsageError
from tools.redrive.expressions import Expression


class NotEdited(Exception):
    """The edit does not fit this event; its text says why."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """`path` is the names of objects down to the field; `expression` None removes the field."""

    path: tuple[str, ...]
    expression: Expression | None

    def apply(self, event: dict[str, object]) -> None:
        """Changes the event in place; raises NotEdited."""
        where = event
        for name in self.path[:-1]:
            inner = where.setdefault(name, {}) if self.expression else where.get(name, {})
            if not isinstance(inner, dict):
                raise NotEdited(f"{'.'.join(self.path)}: {name} is no object")
            where = inner
        if self.expression is None:
            where.pop(self.path[-1], None)
            return
        try:
            where[self.path[-1]] = self.expression.value(event)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, NameError) as error:
            raise NotEdited(f"{self.expression.text}: {type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class Edit:
    """Assignments, one after the other; none leaves the bytes as they are."""

    assignments: Sequence[Assignment] = ()

    def __str__(self) -> str:
        return "; ".join(
            f"{'.'.join(one.path)}={one.expression.text}"
            if one.expression
            else f"without {'.'.join(one.path)}"
            for one in self.assignments
        )

    def apply(self, data: bytes) -> bytes:
        """The edited event; raises NotEdited."""
        if not self.assignments:
            return data
        try:
            event = json.loads(data)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            raise NotEdited("the payload is no JSON object: write it to a file with --export and edit that")
        for assignment in self.assignments:
            assignment.apply(event)
        return to_bytes(event)


def to_bytes(event: object) -> bytes:
    """An edited event as a message's data; raises NotEdited for what JSON has no form of."""
    try:
        return json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise NotEdited(f"the edited event is no JSON: {error}") from None


def parse(settings: Sequence[str], removals: Sequence[str]) -> Edit:
    """The edit that `--set PATH=EXPRESSION` and `--unset PATH` ask for; raises UsageError."""
    assignments = []
    for text in settings:
        path, separator, expression = text.partition("=")
        if not separator:
            raise UsageError(f"--set {text}: write it like metrics.new_beds=12")
        assignments.append(Assignment(_path("--set", path), Expression(expression)))
    assignments += [Assignment(_path("--unset", path), None) for path in removals]
    return Edit(assignments)


def _path(option: str, text: str) -> tuple[str, ...]:
    names = tuple(text.strip().split("."))
    if not all(names):
        raise UsageError(f"{option} {text}: no path to a field, write it like metrics.new_beds")
    return names


def difference(before: bytes, after: bytes) -> list[str]:
    """The changed lines, one field a line; none where nothing changed."""
    lines = difflib.unified_diff(_lines(before), _lines(after), n=1, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _lines(data: bytes) -> list[str]:
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return data.decode(errors="replace").splitlines()
