"""One replay: selected events from a source to a target, paced, with every outcome kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from string import ascii_letters, digits

import orjson

from tools.errors import CommandError
from tools.pipeline.publishing import burst_size
from tools.replay.items import Item
from tools.replay.selection import Selection
from tools.replay.shapes import push_body
from tools.replay.sources import Source
from tools.replay.targets import Sent, Target


@dataclass(frozen=True, slots=True)
class Failed:
    """An event that its target did not accept, and the file that holds it as a recorded push."""

    event_id: str
    problem: str
    file: Path


@dataclass(slots=True)
class Report:
    """What a replay did."""

    selected: int = 0
    sent: int = 0
    new_identities: int = 0
    """Of those sent: events that are known by their bytes from now on."""
    failed: list[Failed] = field(default_factory=list)
    skipped: Sequence[str] = ()
    seconds: float = 0.0

    def so_far(self) -> str:
        """For an end before the end: sending the same again changes no count."""
        return (
            f"{self.sent:,} of the {self.selected:,} events read were sent before, {len(self.failed):,} not "
            "accepted; the same command sends them again, which changes no count"
        )


_IN_NAMES = frozenset(ascii_letters + digits + "-_.")
"""Without the ~ before a hash, so that no id is another one's name with its hash."""

Note = Callable[[Sequence[Sent]], None]
"""Records what was published; tools.replay.journal writes it to BigQuery."""


def chosen(source: Source, selection: Selection, limit: int | None) -> Iterator[list[Item]]:
    """The selected events batch by batch, at most `limit` of them."""
    left = limit
    for batch in source.batches():
        items = list(islice((item for item in batch if selection.matches(item)), left))
        yield items
        if left is not None:
            left -= len(items)
            if left == 0:
                return


@dataclass(frozen=True, slots=True)
class Replay:
    """`rate` is in events per second, None for no limit; failed bodies are saved in `folder`."""

    source: Source
    target: Target
    selection: Selection
    folder: Path
    limit: int | None = None
    rate: float | None = None
    note: Note = lambda _: None
    progress: Callable[[Report], None] = lambda _: None

    def run(self) -> Report:
        """Raises CommandError when it cannot continue, with how many were sent by then."""
        report = Report()
        try:
            self._run(report)
        except KeyboardInterrupt:
            raise CommandError(f"interrupted: {report.so_far()}") from None
        except CommandError as error:
            if not report.selected:
                raise
            raise CommandError(f"{error}; {report.so_far()}") from None
        return report

    def _run(self, report: Report) -> None:
        started = time.monotonic()
        for items in chosen(self.source, self.selection, self.limit):
            report.selected += len(items)
            for group in self._paced(items):
                if self.rate:
                    sent_so_far = report.sent + len(report.failed)
                    time.sleep(max(0.0, started + sent_so_far / self.rate - time.monotonic()))
                self._send(group, report)
        report.skipped = self.source.skipped
        report.seconds = round(time.monotonic() - started, 3)

    def _paced(self, items: list[Item]) -> Iterator[list[Item]]:
        size = burst_size(self.rate, self.target.at_once)
        return (items[start : start + size] for start in range(0, len(items), size))

    def _send(self, items: list[Item], report: Report) -> None:
        outcomes = self.target.send(items)
        accepted = [sent for sent in outcomes if sent.problem is None]
        self.source.done(
            [sent.item for sent in accepted], [sent.message_id for sent in accepted if sent.message_id]
        )
        report.sent += len(accepted)
        report.new_identities += sum(sent.item.has_new_identity for sent in accepted)
        for sent in outcomes:
            if sent.problem is not None:
                report.failed.append(Failed(sent.item.event_id, sent.problem, _save(sent.item, self.folder)))
        self.note(accepted)
        self.progress(report)


def _save(item: Item, folder: Path) -> Path:
    """Writes the event as a line that `cqc replay FILE` reads; a later failure of it replaces the file."""
    path = folder / f"{item.stage}-{_file_name(item.event_id)}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(push_body(item)) + b"\n")
    except OSError as error:
        raise CommandError(
            f"the failed event can't be saved to {path} ({error.strerror}): name a folder with --failed"
        ) from None
    return path


def _file_name(event_id: str) -> str:
    """The id as a file's name; one that had to be changed or cut is kept apart from others by a hash."""
    safe = "".join(letter if letter in _IN_NAMES else "_" for letter in event_id)[:100]
    if safe == event_id:
        return safe
    return f"{safe}~{blake2b(event_id.encode(), digest_size=8).hexdigest()}"
