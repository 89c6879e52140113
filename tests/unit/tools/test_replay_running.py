"""A replay that ends early says what went, and an event is never sent to the topic of another function."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from tools.errors import CommandError, ProblemsFound
from tools.pipeline.pubsub import PubSub
from tools.replay.command import Sending
from tools.replay.items import Item, Stage
from tools.replay.report import show
from tools.replay.running import Failed, Replay, Report
from tools.replay.selection import Selection
from tools.replay.sources import FileSource
from tools.replay.targets import Sent, TopicTarget

RAW, PARSED = "projects/p/topics/dashboard-events", "projects/p/topics/dashboard-events-parsed"
READERS: dict[str, Stage] = {RAW: "parse", PARSED: "features"}


class Ending:
    """A target that accepts one event, and ends at the second."""

    at_once = 1

    def __init__(self, end: BaseException) -> None:
        self._end = end
        self._accepted = 0

    def check(self) -> None:
        """Always ready."""

    def send(self, items: Sequence[Item]) -> list[Sent]:
        if self._accepted:
            raise self._end
        self._accepted += 1
        return [Sent(item) for item in items]

    def describe(self, item: Item) -> str:
        return item.stage


def replay(end: BaseException, folder: Path) -> Replay:
    file = folder / "events.jsonl"
    file.write_bytes(b'{"event_id": "a"}\n{"event_id": "b"}\n{"event_id": "c"}\n')
    return Replay(FileSource(str(file)), Ending(end), Selection(), folder)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), CommandError("the topic is gone")])
def test_a_replay_that_ends_early_says_how_many_events_went(end: BaseException, tmp_path: Path) -> None:
    said = "interrupted" if isinstance(end, KeyboardInterrupt) else "the topic is gone"
    with pytest.raises(CommandError, match=rf"^{said}.*1 of the 3 events read were sent before"):
        replay(end, tmp_path).run()


def test_a_report_counts_the_events_that_got_a_new_identity(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"event_id": "a"}\n{"metrics": {}}\nnot JSON\n')
    report = Replay(FileSource(str(file)), Accepting(CommandError()), Selection(), tmp_path).run()
    assert (report.sent, report.new_identities) == (3, 2)


class Accepting(Ending):
    """A target that accepts everything."""

    def send(self, items: Sequence[Item]) -> list[Sent]:
        return [Sent(item) for item in items]


class Refusing(Ending):
    """A target that accepts nothing."""

    def send(self, items: Sequence[Item]) -> list[Sent]:
        return [Sent(item, "no") for item in items]


IDS = ["a/b", "a:b", "a_b", "x" * 150 + "1", "x" * 150 + "2", "ä", "ö", "\U0001d7d8" * 90]


def test_every_event_that_was_not_accepted_is_saved_in_a_file_of_its_own(tmp_path: Path) -> None:
    file, folder = tmp_path / "events.jsonl", tmp_path / "failed"
    file.write_bytes(b"".join(orjson.dumps({"event_id": event_id}) + b"\n" for event_id in IDS))
    source = FileSource(str(file))
    Replay(source, Refusing(CommandError()), Selection(), folder).run()
    saved = [name for each in folder.iterdir() for batch in FileSource(str(each)).batches() for name in batch]
    assert sorted(item.event_id for item in saved) == sorted(IDS)
    assert (folder / "parse-a_b.json").exists()


def test_what_was_not_accepted_is_sent_again_the_same_way(tmp_path: Path) -> None:
    sending = Sending("http://x", "cloudevent-binary", None, None, False, tmp_path, None)
    report = Report(selected=1, failed=[Failed("a", "no", tmp_path / "parse-a.json")])
    again = r"cqc replay - --to http://x --as cloudevent-binary --project 'my project'`$"
    with pytest.raises(ProblemsFound, match=again):
        show(report, [*sending.words(), "--project", "my project"], as_machine=True)


def item(stage: str) -> Item:
    return Item(b"{}", {}, "e", "parse" if stage == "parse" else "features", "file:1")


@pytest.mark.parametrize(("stage", "topic"), [("parse", PARSED), ("features", RAW)])
def test_an_event_for_one_function_is_not_sent_to_the_topic_of_the_other(stage: str, topic: str) -> None:
    target = TopicTarget(PubSub("127.0.0.1:1"), {"parse": topic, "features": topic}, READERS)
    (sent,) = target.send([item(stage)])
    assert sent.problem is not None
    assert sent.problem.startswith(f"not sent: {topic} feeds ")


def test_any_other_topic_takes_events_of_both_stages() -> None:
    topic = "projects/p/topics/other"
    target = TopicTarget(PubSub("127.0.0.1:1"), {"parse": topic, "features": topic}, READERS)
    with pytest.raises(CommandError, match=r"publishing to projects/p/topics/other at .* failed"):
        target.send([item("parse")])
