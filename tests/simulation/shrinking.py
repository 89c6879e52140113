"""A history that breaks a law, made small enough to read."""

import logging
from pprint import pformat

from tests.simulation.laws import broken
from tests.simulation.plan import Plan, draw, smaller
from tests.simulation.simulated_chain import live

TRIES = 300


def problems(seed: int) -> list[str]:
    """The laws that the history of this seed breaks."""
    return judge(draw(seed))


def judge(plan: Plan) -> list[str]:
    """The laws that a history breaks; an error in it is one too."""
    logging.disable(logging.CRITICAL)
    try:
        return broken(live(plan))
    except Exception as error:  # noqa: BLE001 - a bug that the history found: it is reported with its plan
        return [f"{type(error).__name__}: {error}"]
    finally:
        logging.disable(logging.NOTSET)


def explain(seed: int, found: list[str]) -> str:
    """The laws, the smallest plan found that breaks any, and how to run it again."""
    plan, left = draw(seed), TRIES
    shrinking = True
    while shrinking:
        shrinking = False
        for candidate in smaller(plan):
            left -= 1
            if left > 0 and (worse := judge(candidate)):
                plan, found, shrinking = candidate, worse, True
                break
    laws = "\n".join(f"- {law}" for law in found)
    return f"history {seed} breaks:\n{laws}\nwith\n{pformat(plan)}\nagain: python -m tests.simulation {seed}"
