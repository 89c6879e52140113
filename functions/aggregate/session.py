"""A writer's hold on the windows of one shard: lease, number, fenced saves, release.

The flush and `cqc verify-windows --repair` both write windows, and nobody else does. Every commit has the
control document in it, in the version that this session wrote last: a session that was overtaken fails its
next commit as a whole. The lease only keeps sessions apart in ordinary times; correctness rests on the fence.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from shared.clock import micros_of
from shared.errors import Retry
from shared.telemetry.logs import log
from shared.windows.documents import NEW, Committed, Conflict, Documents, Unreadable, Write
from shared.windows.state import LAYOUT, Control, Generation, Layout, OpenWindow, Shard

LEASE = micros_of(timedelta(seconds=60))
"""Microseconds. Longer than any pause between two saves of a healthy flush; a dead one delays the next by
this."""
MAX_COMMIT_BYTES = 3_500_000
"""A commit may have 10 MiB on Firestore, but only 4 MiB on its emulator."""
MAX_WRITES = 400


class FencedOut(Exception):
    """Another session has written the control document since this one read it: this one must stop."""


class Session:
    """Use: `open`, then `begin`, any number of `save`, and `finish`; or `release` when something failed."""

    def __init__(self, documents: Documents, shard: Shard, holder: str) -> None:
        self._documents = documents
        self._holder = holder
        self._version = NEW
        self.shard = shard
        self.control = Control()
        self.layout = Layout()
        self.now = 0
        """The database's time of this session's last read or commit of the control document."""

    async def open(self) -> None:
        """Reads the control document and the layout as of one moment.

        Raises Retry, also for documents that this release can't read.
        """
        reading = await self._documents.read([self.shard.control, LAYOUT])
        self.now = reading.at
        try:
            self.layout = Layout.found_in(reading)
            self.control = Control.found_in(reading, self.shard)
        except Unreadable as error:
            raise Retry(
                f"the flush's control documents can't be read ({error}): deploy the release that wrote them"
            ) from error
        self._version = reading.version(self.shard.control)
        if self.shard not in self.generation.all():  # it was chosen by an older layout
            raise Retry("the number of shards was changed in this moment: the next flush goes by the new one")

    @property
    def generation(self) -> Generation:
        """The windows that this session's shard has a share of."""
        return self.layout.generations[self.shard.generation]

    @property
    def is_taken(self) -> bool:
        """Whether another session is at work, or died within its lease."""
        return self.control.lease_until > self.now

    async def begin(self, windows: Mapping[int, OpenWindow]) -> None:
        """Takes the lease and the next number, and notes which windows are open: fences every predecessor.

        Raises FencedOut and Retry.
        """
        await self.save(
            lambda control: replace(control, number=control.number + 1, holder=self._holder, windows=windows)
        )

    async def save(
        self, change: Callable[[Control], Control], writes: Sequence[Write] = (), lease: bool = True
    ) -> None:
        """Commits the writes with the changed control document, in several commits where they are too large.

        Raises FencedOut, Retry, and Refused for documents that the database can never take.
        """
        control = change(self.control)
        for group in _commits(writes):
            held = replace(control, lease_until=self.now + LEASE if lease else 0)
            committed = await self._commit(held, group)
            self._version, self.now = committed.versions[0], committed.at
            self.control = held

    async def _commit(self, control: Control, writes: Sequence[Write]) -> Committed:
        fence = Write(self.shard.control, control.to_fields(), self._version)
        try:
            return await self._documents.commit([fence, *writes])
        except Conflict as error:
            raise FencedOut(f"another session has written {self.shard.control}") from error

    async def finish(self, change: Callable[[Control], Control]) -> None:
        """Notes that this number's panes are all written, and releases the lease."""
        await self.save(
            lambda control: replace(change(control), emitted=control.number, pending=frozenset()),
            lease=False,
        )

    async def release(self) -> None:
        """Lets the next session try at once; what this one saved and did not emit is recovered then."""
        try:
            await self.save(lambda control: control, lease=False)
        except (Retry, FencedOut) as error:
            log.warning("the flush's lease could not be released, it runs out by itself: %s", error)


def _commits(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    """Groups that fit one commit; one empty group when there are none, for the control document alone."""
    group: list[Write] = []
    size = 0
    for write in writes:
        bytes_ = sum(len(value) for value in write.fields.values() if isinstance(value, bytes | str)) + 500
        if group and (len(group) == MAX_WRITES or size + bytes_ > MAX_COMMIT_BYTES):
            yield group
            group, size = [], 0
        group.append(write)
        size += bytes_
    yield group
