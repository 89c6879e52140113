"""Expressions over an event, such as `int(event["metrics"]["new_beds"])`: Python's syntax, not its power.

An event's content is never executed. The expression comes from the operator, and is still limited to what an
edit needs (docs/decisions/0031): a command line copied from somewhere can compute a value, nothing else.
"""

import ast
import builtins
from types import CodeType

from tools.errors import UsageError

FUNCTIONS = (
    "abs",
    "bool",
    "dict",
    "float",
    "int",
    "len",
    "list",
    "max",
    "min",
    "round",
    "sorted",
    "str",
    "sum",
)
METHODS = frozenset(
    {"get", "items", "join", "keys", "lower", "removeprefix", "removesuffix", "replace", "split", "strip"}
    | {"title", "upper", "values"}
)
_NODES = (
    ast.Expression,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.Store,
    ast.Subscript,
    ast.Slice,
    ast.Call,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.IfExp,
    ast.Compare,
    ast.cmpop,
    ast.ListComp,
    ast.comprehension,
)


class Expression:
    """One checked expression; the only name it knows besides FUNCTIONS is `event`."""

    def __init__(self, text: str) -> None:
        """Raises UsageError for a text that is not an expression, or that uses more than an edit needs."""
        self.text = text
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"{text!r} is not a Python expression ({error}): {_EXAMPLE}") from None
        for node in ast.walk(tree):
            _check(node, text)
        self._code: CodeType = compile(tree, "<edit>", "eval")

    def value(self, event: object) -> object:
        """Its value; raises what Python raises: LookupError, TypeError, ValueError …"""
        names = {name: getattr(builtins, name) for name in FUNCTIONS}
        return eval(self._code, {"__builtins__": {}, **names, "event": event})


_EXAMPLE = """write it like 'metrics.new_beds=int(event["metrics"]["new_beds"])'"""


def _check(node: ast.AST, text: str) -> None:
    if isinstance(node, ast.Attribute):
        if node.attr not in METHODS:
            raise UsageError(f"{text!r} uses .{node.attr}: allowed are .{', .'.join(sorted(METHODS))}")
    elif not isinstance(node, _NODES):
        raise UsageError(f"{text!r} uses {type(node).__name__}, which an edit does not need: {_EXAMPLE}")
    elif isinstance(node, ast.Name) and node.id.startswith("_"):
        raise UsageError(f"{text!r} uses {node.id}: a name must not begin with an underscore")
