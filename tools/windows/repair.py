"""A new revision for windows that differ, in the windows' own documents, fenced as a flush is.

The order makes a crash between any two lines harmless, as in functions/aggregate/flush.py:

1. open    refuse while a flush is at work or has left panes
2. begin   take the lease and a number: fences every flush that began before
3. a group of buckets at a time:
   save    the recomputed windows with their new revisions; the control document names the buckets as pending
   emit    the panes to BigQuery, window features to the online store
4. finish  note that this number's panes are written, release the lease

After a crash behind a save the next flush finds the pending buckets and emits them: same revisions, same
rows. Before it nothing has changed but the number, and the windows still differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from functions.aggregate.bucket import BucketState, Pane
from functions.aggregate.emitting import row_of
from functions.aggregate.loading import load
from functions.aggregate.reports import window_features
from functions.aggregate.session import FencedOut, Session
from functions.aggregate.window import Timing
from shared.clock import from_micros
from shared.errors import Retry
from shared.online import OnlineStore, Unwritten
from shared.tables.sink import RowSink
from shared.windows.bucket_documents import bucket_name, level_in, meta_fields, meta_name
from shared.windows.documents import Documents, Refused, Unreadable, Write
from shared.windows.key import WindowKey
from shared.windows.state import (
    KEEP_SETTLED,
    Bucket,
    Layout,
    OpenWindow,
    Shard,
    bucket_of,
    level_for,
    location_hash,
)
from tools.errors import CommandError
from tools.windows.comparing import Difference

HOLDER = "verify-windows"
GROUP = 16
"""Buckets saved and emitted together, as in a flush."""

Work = Mapping[Bucket, Sequence[Difference]]


@dataclass(slots=True)
class Repaired:
    """What a repair did: windows with their new revisions, and what it could not do, in sentences."""

    revisions: dict[WindowKey, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    unwritten: list[Unwritten] = field(default_factory=list)
    """Window features that the online store did not take."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair."""

    documents: Documents
    rows: RowSink
    online: OnlineStore

    async def run(self, layout: Layout, differences: Iterable[Difference]) -> Repaired:
        """Fixes the windows that have rows; raises CommandError, and Retry when a service fails."""
        repaired = Repaired()
        for shard, of_shard in _by_shard(layout, differences).items():
            session = Session(self.documents, shard, HOLDER)
            await session.open()
            _refuse_beside_a_flush(session)
            try:
                await self._repair(session, of_shard, repaired)
            except FencedOut:
                raise CommandError("a flush took over in the middle: run the repair again") from None
            except (Retry, CommandError):
                await session.release()
                raise
            except Refused as error:
                await session.release()
                raise CommandError(f"Firestore refuses to store the repaired windows: {error}") from None
        return repaired

    async def _repair(self, session: Session, differences: Sequence[Difference], repaired: Repaired) -> None:
        levels = await self._levels(session, differences)
        await session.begin(session.control.windows)
        for group in _groups(differences, levels):
            await self._group(session, group, levels, repaired)
        await session.finish(lambda control: control)

    async def _levels(self, session: Session, differences: Sequence[Difference]) -> dict[int, int]:
        """How many buckets each window has; one without documents gets them here."""
        by_start = defaultdict(list)
        for difference in differences:
            by_start[difference.key.start].append(difference)
        metas = {meta_name(session.shard, start): start for start in by_start}
        found = (await self.documents.read(list(metas))).documents
        try:
            settled = {metas[name]: level_in(document) for name, document in found.items()}
        except Unreadable as error:
            raise CommandError(
                f"how many documents a settled window has can't be read ({error}): use the cqc of the "
                "release that is deployed"
            ) from None
        opened = {start: window.level for start, window in session.control.windows.items()}
        new = {start: level_for(len(windows)) for start, windows in by_start.items()}
        return new | settled | opened

    async def _group(
        self, session: Session, group: Work, levels: Mapping[int, int], repaired: Repaired
    ) -> None:
        states, unreadable = await load(self.documents, session.shard, list(group))
        repaired.left += [_left(session.shard, key, group[key], error) for key, error in unreadable.items()]
        opened = session.control.windows
        fired = [pane for state in states for pane in _replace(state, group[state.key], session, repaired)]
        # The meta documents first: a bucket is found by them, should the save take several commits.
        writes = [
            Write(
                meta_name(session.shard, start),
                meta_fields(OpenWindow(levels[start]), session.now + KEEP_SETTLED),
            )
            for start in sorted({state.key[0] for state in states} - opened.keys())
        ]
        for state in states:
            writes += state.writes(session.now, is_settled=state.key[0] not in opened)
        keys = {state.key for state in states}
        await session.save(lambda control: replace(control, pending=control.pending | keys), writes)
        await self._emit(fired, repaired)

    async def _emit(self, fired: Sequence[Pane], repaired: Repaired) -> None:
        if not fired:
            return
        rows = [row_of(pane) for pane in fired]
        refused = [outcome for outcome in await self.rows.append_rows(rows) if outcome is not None]
        if refused:
            raise CommandError(f"BigQuery refused {len(refused)} panes, the first because: {refused[0]}")
        missing = await self.online.write(
            [window_features(pane, row) for pane, row in zip(fired, rows, strict=True)]
        )
        if missing is not None:
            repaired.unwritten.append(missing)


def _refuse_beside_a_flush(session: Session) -> None:
    control = session.control
    if session.is_taken:
        raise CommandError(
            f"a flush is at work, or died (its lease ends at {from_micros(control.lease_until):%H:%M:%S} "
            "UTC): run the repair again after it"
        )
    if control.emitted < control.number:
        raise CommandError("a flush has left panes to write: flush once (cqc flush), then repair")


def _replace(
    state: BucketState, differences: Sequence[Difference], session: Session, repaired: Repaired
) -> list[Pane]:
    """Puts the recomputed windows in place of those of the bucket, each with its next pane."""
    stored = dict(state.windows())
    fired = []
    for difference in differences:
        assert difference.expected is not None
        before = stored.get(difference.key.location_id)
        window = replace(
            difference.expected.window,
            revision=max(difference.revision, 0 if before is None else before.revision),
        )
        pane = Timing.LATE if window.revision else Timing.ON_TIME
        window.fire(pane, is_final=True, at=session.now, flush=session.control.number)
        state.replace(difference.key.location_id, window, difference.expected.digests)
        fired.append(Pane(difference.key.location_id, difference.key.start, window))
        repaired.revisions[difference.key] = window.revision
    return fired


def _left(shard: Shard, key: Bucket, differences: Sequence[Difference], error: Unreadable) -> str:
    return (
        f"{len(differences)} windows of {from_micros(key[0]):%Y-%m-%d %H:%MZ} are left, for "
        f"{bucket_name(shard, *key)} can't be read ({error}): use the cqc of the release that is "
        "deployed, or delete the document if it is damaged, and run the repair again"
    )


def _by_shard(layout: Layout, differences: Iterable[Difference]) -> dict[Shard, list[Difference]]:
    found: dict[Shard, list[Difference]] = defaultdict(list)
    for difference in differences:
        if difference.expected is not None:
            hashed = location_hash(difference.key.location_id)
            found[layout.of_window(difference.key.start).shard_of(hashed)].append(difference)
    return found


def _groups(differences: Sequence[Difference], levels: Mapping[int, int]) -> list[Work]:
    work: dict[Bucket, list[Difference]] = defaultdict(list)
    for difference in differences:
        start = difference.key.start
        work[start, bucket_of(location_hash(difference.key.location_id), levels[start])].append(difference)
    buckets = sorted(work.items())
    return [dict(buckets[at : at + GROUP]) for at in range(0, len(buckets), GROUP)]
