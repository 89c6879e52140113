"""Histories on virtual time, each drawn from its seed, and the laws at their ends.

tests/simulation/plan.py says what may happen, simulated_chain.py runs it, laws.py judges. A history that
breaks a law is made smaller and printed. To run it again, or many more:

    python -m tests.simulation SEED
    python -m tests.simulation 10000 20000
"""

import os

import pytest

from shared.windows.documents import Document
from shared.windows.log import counts
from tests.simulation.plan import draw
from tests.simulation.shrinking import explain, problems
from tests.simulation.simulated_chain import SimulatedChain, live

HISTORIES = int(os.environ.get("SIMULATED_HISTORIES", "500"))
"""CI runs 2,000."""
TOGETHER = 50


@pytest.mark.parametrize("first", range(0, HISTORIES, TOGETHER))
def test_every_law_holds_at_the_end_of_every_history(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        found = problems(seed)
        assert not found, explain(seed, found)


def test_the_same_seed_is_the_same_history() -> None:
    assert fingerprint(7) == fingerprint(7) != fingerprint(8)


def test_histories_meet_what_they_are_for() -> None:
    """Late events, duplicates, two batches in flight, buckets of several parts, generations of shards, events
    that a raised allowed lateness brings to settled windows: all of them occur."""
    worlds = [live(draw(seed)) for seed in range(60)]
    names = {name for chain in worlds for name in chain.database.documents}
    assert any("+" in name for name in names)
    assert any("~" in name for name in names)
    assert any(name.startswith("flush/2.") for name in names)
    assert any(row["is_late"] for chain in worlds for row in chain.sinks.rows)
    assert any(len(chain.sinks.rows) > len(chain.plan.publications) for chain in worlds)
    assert {table.most_at_once for chain in worlds for table in chain.tables} >= {1, 2}
    assert any("was raised since" in letter.text for chain in worlds for letter in chain.sinks.dead_letters)
    assert any(not counts(segment) for chain in worlds for segment in segments(chain))


def fingerprint(seed: int) -> object:
    chain = live(draw(seed))
    return sorted(chain.database.documents), chain.sinks.panes


def segments(chain: SimulatedChain) -> list[Document]:
    names = [name for name in chain.database.documents if name.startswith("window_log/0017")]
    return [chain.database.documents[name] for name in names]
