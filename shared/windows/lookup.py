"""Whether a window counts an event: asked for events that come after their window's allowed lateness.

An event that was counted, whose answer was lost, and that comes again is not late. The answer is exact once
it can't change any more: when the flush has settled the window, and so has folded every slice of the log in
which a timely copy may stand. Until then there is none, and the event waits in Pub/Sub.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import Retry
from shared.windows.bucket_documents import bucket_name, level_in, meta_name, sees
from shared.windows.bucket_reading import documents_of
from shared.windows.contribution import Contribution
from shared.windows.documents import Documents, Unreadable
from shared.windows.key import window_of
from shared.windows.state import LAYOUT, Control, Layout, Shard, bucket_of, location_hash

DEADLINE = 8.0
"""Seconds for all reads of a batch's events together. With 10 s for its rows a batch comes to its log within
shared.windows.log.MAX_LOGGING_DELAY, so that it is not judged again; and with 8 s for the log it is done in
26 s."""

Verdict = bool | Retry
"""Whether the event is counted, or why that can't be said yet."""


@dataclass(frozen=True, slots=True)
class _Question:
    event: Contribution
    start: int
    hashed: int
    shard: Shard


@dataclass(frozen=True, slots=True)
class Found:
    """What the windows' documents say of an event now."""

    is_counted: bool
    is_kept: bool
    """Whether there are documents of its bucket: none before its first fold, none long after its settling."""
    control: Control
    """Of the shard that folds it."""
    unreadable: Unreadable | None = None
    """Why its bucket can't be read, if it can't."""


class Lookup:
    """Reads the flush's documents; writes nothing."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def counted(self, events: Sequence[Contribution]) -> list[Verdict]:
        """For each event; a bucket that can't be read holds up its own events alone.

        A Retry for all of them when the database fails or is slow, or has control documents of another
        release: no timely event of their batch waits for that.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._counted(events)
        except TimeoutError:
            unknown = Retry(f"Firestore did not say within {DEADLINE:g} s whether late events were counted")
        except Unreadable as error:
            unknown = _unknown(error)
        except Retry as error:
            unknown = error
        return [unknown] * len(events)

    async def _counted(self, events: Sequence[Contribution]) -> list[Verdict]:
        return [
            self._verdict(event, found) for event, found in zip(events, await self.look(events), strict=True)
        ]

    def _verdict(self, event: Contribution, found: Found) -> Verdict:
        if found.unreadable is not None:
            return _unknown(found.unreadable)
        if found.control.has_settled(window_of(event.event_micros)):
            return found.is_counted
        return Retry(
            "the event came late and the flush has not read the log up to its window's end: it waits"
        )

    async def look(self, events: Sequence[Contribution]) -> list[Found]:
        """For each event, which may still become counted; raises Retry and Unreadable."""
        questions = await self._questions(events)
        controls = await self._controls({question.shard for question in questions})
        levels = await self._levels(questions, controls)
        names = {
            question: bucket_name(question.shard, question.start, bucket_of(question.hashed, level))
            for question in questions
            if (level := levels.get((question.shard, question.start))) is not None
        }
        kept, counted, unreadable = await self._counted_in(names)

        def found(question: _Question) -> Found:
            bucket = names.get(question, "")
            return Found(
                is_counted=question in counted,
                is_kept=bucket in kept,
                control=controls[question.shard],
                unreadable=unreadable.get(bucket),
            )

        return [found(question) for question in questions]

    async def _counted_in(
        self, names: Mapping[_Question, str]
    ) -> tuple[set[str], set[_Question], dict[str, Unreadable]]:
        """Which of the buckets there are, which events they count, and why some can't be read.

        Documents are looked through as they come: a busy location's window has 300,000 digests, and each
        event of a batch may be of another window.
        """
        asked: dict[str, list[_Question]] = {}
        for question, name in names.items():
            asked.setdefault(name, []).append(question)
        kept, counted = set[str](), set[_Question]()
        unreadable: dict[str, Unreadable] = {}
        async for bucket, document in documents_of(self._documents, asked):
            try:
                if isinstance(document, Unreadable):
                    raise document
                counted.update(each for each in asked[bucket] if sees(document, each.event.digest))
                kept.add(bucket)
            except Unreadable as error:
                unreadable[bucket] = error
        return kept, counted, unreadable

    async def _questions(self, events: Sequence[Contribution]) -> list[_Question]:
        layout = Layout.found_in(await self._documents.read([LAYOUT]))
        questions = []
        for event in events:
            start, hashed = window_of(event.event_micros), location_hash(event.location_id)
            questions.append(_Question(event, start, hashed, layout.of_window(start).shard_of(hashed)))
        return questions

    async def _controls(self, shards: Iterable[Shard]) -> Mapping[Shard, Control]:
        wanted = list(shards)
        reading = await self._documents.read([shard.control for shard in wanted])
        return {shard: Control.found_in(reading, shard) for shard in wanted}

    async def _levels(
        self, questions: Iterable[_Question], controls: Mapping[Shard, Control]
    ) -> dict[tuple[Shard, int], int]:
        """How many buckets the questions' windows have; a window that never was is left out."""
        levels, metas = {}, {}
        for question in questions:
            place = (question.shard, question.start)
            opened = controls[question.shard].windows.get(question.start)
            if opened is None:
                metas[meta_name(*place)] = place
            else:
                levels[place] = opened.level
        for name, document in (await self._documents.read(list(metas))).documents.items():
            levels[metas[name]] = level_in(document)
        return levels


def _unknown(error: Unreadable) -> Retry:
    return Retry(
        f"whether late events were counted can't be read ({error}): deploy the release that wrote it"
    )
