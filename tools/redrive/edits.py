"""What a redrive changes in an event: fields set to expressions, or removed. Pure."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from tools.console import encodable
from tools.errors import UsageError
from tools.redrive.expressions import Expression


class NotEdited(Exception):
    """The edit does not apply to this event; the text says why."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """`path` names the objects down to the field; an `expression` of None removes the field."""

    path: tuple[str, ...]
    expression: Expression | None

    def apply(self, event: dict[str, object]) -> None:
        """Changes the event in place; raises NotEdited."""
        parent = event
        for name in self.path[:-1]:
            inner = parent.setdefault(name, {}) if self.expression else parent.get(name, {})
            if not isinstance(inner, dict):
                raise NotEdited(f"{'.'.join(self.path)}: {name} is not an object")
            parent = inner
        if self.expression is None:
            parent.pop(self.path[-1], None)
            return
        try:
            parent[self.path[-1]] = self.expression.value(event)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, NameError) as error:
            raise NotEdited(f"{self.expression.text}: {type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class Edit:
    """Assignments in order; without any, the bytes stay as they are."""

    assignments: Sequence[Assignment] = ()

    def __str__(self) -> str:
        return "; ".join(
            f"{'.'.join(assignment.path)}={assignment.expression.text}"
            if assignment.expression
            else f"without {'.'.join(assignment.path)}"
            for assignment in self.assignments
        )

    def apply(self, data: bytes) -> bytes:
        """The edited event; raises NotEdited."""
        if not self.assignments:
            return data
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise NotEdited("the payload is not a JSON object: edit it in a file, see --export")
        for assignment in self.assignments:
            assignment.apply(event)
        return to_bytes(event)


def to_bytes(event: object) -> bytes:
    """An edited event as a message's data; raises NotEdited for what JSON can't express."""
    try:
        text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise NotEdited(f"the edited event is not JSON: {error}") from None
    return encodable(text).encode()


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
        raise UsageError(f"{option} {text}: not a path to a field, write it like metrics.new_beds")
    return names


def difference(before: bytes, after: bytes) -> list[str]:
    """The changed lines, one field per line; none if nothing changed."""
    lines = difflib.unified_diff(_lines(before), _lines(after), n=1, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _lines(data: bytes) -> list[str]:
    try:
        return encodable(json.dumps(json.loads(data), indent=2, ensure_ascii=False)).split("\n")
    except (ValueError, RecursionError):
        return data.decode(errors="replace").split("\n")
