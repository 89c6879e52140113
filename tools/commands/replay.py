"""`cqc replay`: events once more into a function or a topic, with the identity that they had."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.console import as_json, console, table
from tools.errors import CommandError, UsageError
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_pubsub, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.replay.items import Stage
from tools.replay.journal import REPLAY, Journal
from tools.replay.pulling import SubscriptionSource, seek, subscription_path
from tools.replay.running import Replay, Report, chosen
from tools.replay.selection import Selection
from tools.replay.shapes import shape
from tools.replay.sources import ErrorsSource, FileSource, Source
from tools.replay.targets import FunctionTarget, Sent, Target, TopicTarget, identity_token, topics_of
from tools.times import moment

TOPIC, FUNCTION = "topic", "function"
FAILED = Path(".cqc") / "failed"
_LISTED = 20
"""Failures shown one by one; all are saved."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the events are; exactly one is given."""

    file: str | None = None
    errors: bool = False
    subscription: str | None = None
    seek_subscription: str | None = None

    def check(self) -> None:
        """Raises UsageError for none and for several."""
        named = (self.file, self.subscription, self.seek_subscription)
        given = [self.errors, *(name is not None for name in named)]
        if given.count(True) != 1:
            what = "give one source" if not any(given) else "these are several sources, give one"
            raise UsageError(
                f"{what}: a FILE (or -), --errors, --subscription NAME or --seek-subscription NAME"
            )


@dataclass(frozen=True, slots=True)
class Sending:
    """How to send."""

    to: str | None = None
    wrapping: str = "wrapped"
    rate: float | None = None
    limit: int | None = None
    dry_run: bool = False
    failed: Path = FAILED


def run(pipeline: Pipeline, origin: Origin, selection: Selection, sending: Sending, as_machine: bool) -> None:
    """Sends, and shows what was sent; raises CommandError when an event was not taken."""
    origin.check()
    with ExitStack() as opened:
        source = opened.enter_context(closing(_source(pipeline, origin, selection, sending, opened)))
        target = _target(pipeline, sending, opened)
        if sending.dry_run:
            _show_plan(source, target, selection, sending.limit, as_machine)
            return
        target.check()
        replay = Replay(
            source=source,
            target=target,
            selection=selection,
            folder=sending.failed,
            limit=sending.limit,
            rate=sending.rate,
            note=_note(pipeline, target, opened),
            progress=opened.enter_context(progress_bar(not as_machine)),
        )
        report = replay.run()
    show(report, as_machine)


def _source(
    pipeline: Pipeline, origin: Origin, selection: Selection, sending: Sending, opened: ExitStack
) -> Source:
    if origin.file is not None:
        return FileSource(origin.file)
    if origin.subscription is not None:
        pubsub = opened.enter_context(closing(connect_pubsub(pipeline)))
        name = subscription_path(pipeline.project, origin.subscription)
        return SubscriptionSource(pubsub, name, keep=sending.dry_run)
    return ErrorsSource(connect_warehouse(pipeline), selection, sending.limit)


def _target(pipeline: Pipeline, sending: Sending, opened: ExitStack) -> Target:
    wrapping = shape(sending.wrapping)
    to = TOPIC if sending.dry_run and sending.to is None else sending.to
    kind, _, name = (to or "").partition(":")
    if kind == TOPIC:
        pubsub = opened.enter_context(closing(connect_pubsub(pipeline)))
        return TopicTarget(pubsub, _topics(pipeline, name))
    if to == FUNCTION:
        if not isinstance(pipeline, ChainAddress):
            raise UsageError("--to function means those of this machine: give the deployed function's URL")
        urls = pipeline.functions
        return FunctionTarget({"parse": urls["parse"], "features": urls["features"]}, wrapping)
    if to is None:
        raise UsageError("say where the events go: --to topic, --to topic:NAME, --to function or --to URL")
    return FunctionTarget({"parse": to, "features": to}, wrapping, identity_token)


def _topics(pipeline: Pipeline, name: str) -> dict[Stage, str]:
    if not name:
        return topics_of(pipeline)
    full = name if name.startswith("projects/") else f"projects/{pipeline.project}/topics/{name}"
    return {"parse": full, "features": full}


def _note(pipeline: Pipeline, target: Target, opened: ExitStack) -> Callable[[Sequence[Sent]], None]:
    """What is published is noted; a push to a function is somebody looking."""
    if not isinstance(target, TopicTarget):
        return lambda _: None
    journal = opened.enter_context(Journal(pipeline.project, pipeline.dataset, REPLAY))
    return lambda sent: journal.note(sent, [target.describe(one.item) for one in sent])


def _show_plan(
    source: Source, target: Target, selection: Selection, limit: int | None, as_machine: bool
) -> None:
    items = [item for batch in chosen(source, selection, limit) for item in batch]
    columns = ("event_id", "location_id", "error_type", "taken from", "bytes", "goes to")
    rows = [
        (
            item.event_id,
            item.location_id,
            item.dead_letter and item.dead_letter.error_type,
            item.taken_from,
            len(item.data),
            target.describe(item),
        )
        for item in items
    ]
    if as_machine:
        console().out(as_json([dict(zip(columns, row, strict=True)) for row in rows]))
        return
    console().print(table(columns, rows))
    console().print(f"{len(rows):,} would be sent, nothing was.", style="dim")
    _show_skipped(source.skipped)


def show(report: Report, as_machine: bool) -> None:
    """The report; raises CommandError when some events were not taken."""
    if as_machine:
        console().out(as_json({**asdict(report), "failed": [asdict(one) for one in report.failed]}))
    else:
        counts = {"selected": report.selected, "sent": report.sent, "failed": len(report.failed)}
        console().print(table(("replay", ""), [*counts.items(), ("seconds", report.seconds)]))
        if report.failed:
            rows = [(one.event_id, one.problem, one.file) for one in report.failed[:_LISTED]]
            console().print(table(("failed", "status and answer", "saved as"), rows))
        _show_skipped(report.skipped)
    if report.failed:
        raise CommandError(
            f"{len(report.failed)} of {report.selected} events were not taken, the first with "
            f"{report.failed[0].problem}; they are saved in {report.failed[0].file.parent}: "
            "mend what they met and send them with `cqc replay FILE`"
        )


def _show_skipped(skipped: Sequence[str]) -> None:
    people = console(stderr=True)
    for reason in skipped[:_LISTED]:
        people.print(f"left out: {reason}", style="yellow")
    if len(skipped) > _LISTED:
        people.print(f"left out: {len(skipped) - _LISTED} more", style="yellow")


@contextmanager
def progress_bar(wanted: bool) -> Iterator[Callable[[Report], None]]:
    """Counts on a terminal's stderr; nothing elsewhere."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.completed:,} sent, {task.fields[failed]:,} failed")
    columns = (TextColumn("replaying"), BarColumn(), text, TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=None, failed=0)

        def show_progress(report: Report) -> None:
            bar.update(task, total=report.selected, completed=report.sent, failed=len(report.failed))

        yield show_progress


def run_seek(pipeline: Pipeline, origin: Origin, to_time: str | None, to_snapshot: str | None) -> None:
    """Sets a subscription back; its own subscriber gets the messages again."""
    origin.check()
    if (to_time is None) == (to_snapshot is None):
        raise UsageError("--seek-subscription needs either --to-time TIME or --to-snapshot NAME")
    name = subscription_path(pipeline.project, origin.seek_subscription or "")
    to: datetime | str = f"projects/{pipeline.project}/snapshots/{(to_snapshot or '').rsplit('/', 1)[-1]}"
    if to_time is not None:
        to = moment("--to-time", to_time, datetime.now(UTC))
    with closing(connect_pubsub(pipeline)) as pubsub:
        seek(pubsub, name, to)
    console().print(f"{name} delivers again what came after {to}: what was counted is not counted again.")
