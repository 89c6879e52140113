"""Does everything add up? What was published compared with what is in the tables, to the event."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.dead_letters.record import read_hints
from shared.errors import RECORDED_BESIDE_THEIR_ROW, ErrorType
from tools.local.chain import Chain
from tools.pipeline.flushing import flush
from tools.pipeline.warehouse import Warehouse

PATIENCE = 60.0
"""Seconds until every line must be accounted for; measured: under 5 for 2,000 lines."""
_LOOK = 0.3

_NOT_REJECTED = tuple(reason.value for reason in RECORDED_BESIDE_THEIR_ROW)

_SQL = f"""
SELECT
  (SELECT COUNT(DISTINCT event_id) FROM realtime_features) AS unique_features,
  (SELECT COUNT(DISTINCT event_id) FROM realtime_features WHERE is_late) AS late,
  (SELECT COUNT(DISTINCT event_id) FROM streaming_errors
    WHERE error_type NOT IN {_NOT_REJECTED}
      AND event_id NOT IN (SELECT event_id FROM realtime_features)) AS rejected,
  (SELECT COUNT(DISTINCT event_id) FROM streaming_errors
    WHERE error_type = '{ErrorType.LATE_EVENT}') AS late_records,
  (SELECT COALESCE(SUM(window_event_count), 0) FROM realtime_features_aggregated_latest) AS in_windows
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Distinct events at each stage, and the lines published."""

    published: int
    duplicates: int
    """Lines that repeat the event_id of an earlier one."""
    unique_features: int
    rejected: int
    late: int
    """Unique features that arrived after their window had closed."""
    late_records: int
    in_windows: int

    @property
    def arrived(self) -> bool:
        """Whether every distinct event became a features row or was rejected, no more and no fewer."""
        return self.published == self.duplicates + self.unique_features + self.rejected

    @property
    def folded(self) -> bool:
        """Whether every features row is counted once in its window, or recorded as too late for it."""
        return self.unique_features == self.in_windows + self.late and self.late == self.late_records

    @property
    def adds_up(self) -> bool:
        return self.arrived and self.folded


def duplicates(lines: Iterable[bytes]) -> int:
    """How many lines repeat an earlier event_id; a line without one is identified by its message id."""
    seen: set[str] = set()
    count = 0
    for line in lines:
        event_id = read_hints(line).event_id
        count += event_id is not None and event_id in seen
        seen.update(() if event_id is None else (event_id,))
    return count


def reconcile(warehouse: Warehouse, published: int, repeated: int) -> Ledger:
    """The ledger of a chain that was empty before `published` lines, `repeated` of them duplicates."""
    unique, late, rejected, late_records, in_windows = (int(str(n)) for n in warehouse.query(_SQL).rows[0])
    return Ledger(published, repeated, unique, rejected, late, late_records, in_windows)


def drain(chain: Chain, warehouse: Warehouse, lines: Sequence[bytes]) -> Ledger:
    """Flushes until every line is accounted for, for PATIENCE seconds at most; returns the last ledger.

    Raises CommandError when a part of the chain dies.
    """
    repeated = duplicates(lines)
    deadline = time.monotonic() + PATIENCE
    ledger = reconcile(warehouse, len(lines), repeated)
    while not ledger.adds_up and time.monotonic() < deadline:
        chain.check()
        # Also before all has arrived: late events wait until a flush has read the log past their windows.
        flush(chain.address.functions["aggregate"])
        if not ledger.arrived:
            time.sleep(_LOOK)
        ledger = reconcile(warehouse, len(lines), repeated)
    return ledger
