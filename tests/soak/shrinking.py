"""A plan that breaks a law, made smaller for as long as it breaks one. Pure but for its trials."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from tools.faults.plan import Plan

Place = tuple[str | int, ...]
"""Where something stands in a plan's JSON."""


def shrink(plan: Plan, breaks: Callable[[Plan], bool], is_over: Callable[[], bool]) -> Plan:
    """The smallest plan found that `breaks`, by leaving out one thing after another, large ones first.

    Each trial is a chain's life, so everything is tried once, until time is over.
    """
    for place in list(_places(_content(plan))):
        smaller = _without(plan, place)
        if smaller is None:
            continue
        if is_over():
            break
        if breaks(smaller):
            plan = smaller
    return plan


def _content(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = plan.model_dump(mode="json", exclude_defaults=True)
    return found


def _places(content: dict[str, Any]) -> Iterator[Place]:
    """Whole kinds of fault, then what they are made of, down to one status of one service. Of the actions the
    last comes first, so that those before it keep their places."""
    for kind in ("actions", "deliveries", "clocks", "services"):
        yield (kind,)
    yield from (("actions", number) for number in reversed(range(len(content.get("actions", ())))))
    for kind in ("services", "clocks", "deliveries"):
        yield from ((kind, name) for name in content.get(kind, ()))
    for name, calls in content.get("services", {}).items():
        yield from (("services", name, field) for field in calls)
        yield from (("services", name, "fails", code) for code in calls.get("fails", ()))


def _without(plan: Plan, place: Place) -> Plan | None:
    """None where there is nothing any more."""
    content = deepcopy(_content(plan))
    at: Any = content
    try:
        for step in place[:-1]:
            at = at[step]
        del at[place[-1]]
    except (KeyError, IndexError):
        return None
    return Plan.model_validate_json(json.dumps(content))
