"""Whether a window counts an event: asked for events that come after their window's allowed lateness.

An event that was counted, whose answer was lost, and that comes again is not late. The answer is exact once
it can't change any more: when the flush has folded every slice of the log in which a timely copy may stand.
Until then there is none, and the event waits in Pub/Sub.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.errors import Retry
from shared.windows.bucket_documents import bucket_name, level_in, meta_name, named_in, seen_in
from shared.windows.contribution import Contribution
from shared.windows.documents import Documents, Unreadable
from shared.windows.key import window_of
from shared.windows.log import is_settled
from shared.windows.state import LAYOUT, Control, Layout, Shard, bucket_of, location_hash

Verdict = bool | Retry
"""Whether the event is counted, or why that can't be said yet."""


@dataclass(frozen=True, slots=True)
class _Question:
    event: Contribution
    start: int
    hashed: int
    shard: Shard


class Lookup:
    """Reads the flush's documents; writes nothing."""

    def __init__(self, documents: Documents, allowed_lateness: timedelta) -> None:
        self._documents = documents
        self._allowed_lateness = allowed_lateness

    async def counted(self, events: Sequence[Contribution]) -> list[Verdict]:
        """For each event; raises Retry when the database fails or holds documents of another release."""
        try:
            return await self._counted(events)
        except Unreadable as error:
            raise Retry(
                f"whether late events were counted can't be read ({error}): deploy the release that wrote it"
            ) from error

    async def _counted(self, events: Sequence[Contribution]) -> list[Verdict]:
        questions = await self._questions(events)
        controls = await self._controls({question.shard for question in questions})
        levels = await self._levels(questions, controls)
        names = {
            question: bucket_name(question.shard, question.start, bucket_of(question.hashed, level))
            for question in questions
            if (level := levels.get((question.shard, question.start))) is not None
        }
        seen = await self._seen(set(names.values()))
        return [
            question.event.digest in seen.get(names.get(question, ""), ())
            if is_settled(question.start, controls[question.shard].watermark, self._allowed_lateness)
            else Retry(
                "the event came late and the flush has not read the log up to its window's end: it waits"
            )
            for question in questions
        ]

    async def _questions(self, events: Sequence[Contribution]) -> list[_Question]:
        reading = await self._documents.read([LAYOUT])
        layout = Layout.from_fields(reading.documents[LAYOUT].fields) if reading.documents else Layout()
        questions = []
        for event in events:
            start, hashed = window_of(event.event_micros), location_hash(event.location_id)
            questions.append(_Question(event, start, hashed, layout.of_window(start).shard_of(hashed)))
        return questions

    async def _controls(self, shards: Iterable[Shard]) -> Mapping[Shard, Control]:
        wanted = {shard.control: shard for shard in shards}
        found = (await self._documents.read(list(wanted))).documents
        return {
            shard: Control.from_fields(found[name].fields) if name in found else Control()
            for name, shard in wanted.items()
        }

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

    async def _seen(self, buckets: Iterable[str]) -> dict[str, set[bytes]]:
        """The digests in each bucket, its further parts and chunks included."""
        bucket_of_ = {name: name for name in buckets}
        seen: dict[str, set[bytes]] = {}
        wanted = list(bucket_of_)
        while wanted:
            named: dict[str, str] = {}
            for name, document in (await self._documents.read(wanted)).documents.items():
                seen.setdefault(bucket_of_[name], set()).update(seen_in(document))
                named |= dict.fromkeys(named_in(document), bucket_of_[name])
            bucket_of_ |= named
            wanted = list(named)
        return seen
