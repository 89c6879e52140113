"""`cqc replay`: events sent again to a function or a topic, with the identity they had."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from shared.topology import topic_path
from tools.console import progress_bar
from tools.errors import UsageError, choose
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_pubsub, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.replay.items import Stage
from tools.replay.journal import REPLAY, Journal
from tools.replay.pulling import SubscriptionSource, subscription_path
from tools.replay.report import show, show_plan
from tools.replay.running import Replay, Report, chosen
from tools.replay.selection import Selection
from tools.replay.shapes import Shape
from tools.replay.sources import ErrorsSource, FileSource, Source
from tools.replay.targets import (
    TIMEOUT,
    FunctionTarget,
    Sent,
    Target,
    TopicTarget,
    identity_token,
    readers_of,
    topics_of,
)

TOPIC, FUNCTION = "topic", "function"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the events are; exactly one is given."""

    file: str | None
    errors: bool
    subscription: str | None
    seek_subscription: str | None

    def check(self) -> None:
        """Raises UsageError unless there is exactly one."""
        named = (self.file, self.subscription, self.seek_subscription)
        given = [self.errors, *(name is not None for name in named)]
        if given.count(True) != 1:
            what = "give one source" if not any(given) else "these are several sources, give one"
            raise UsageError(
                f"{what}: a FILE (or -), --errors, --subscription NAME or --seek-subscription NAME"
            )


@dataclass(frozen=True, slots=True)
class Sending:
    """How to send; `shape` is the name of a Shape, `rate` in events a second, failures go to `failed`.

    `timeout` is in seconds for a query or a push, None for their own limits.
    """

    to: str | None
    shape: str
    rate: float | None
    limit: int | None
    dry_run: bool
    failed: Path
    timeout: float | None

    def words(self) -> list[str]:
        """Where to and in which shape, as a command line says it."""
        shape = [] if self.shape == Shape.WRAPPED else ["--as", self.shape]
        return ["--to", self.to or TOPIC, *shape]


def run(
    pipeline: Pipeline,
    origin: Origin,
    selection: Selection,
    sending: Sending,
    naming: Sequence[str],
    as_machine: bool,
) -> None:
    """Sends, and shows what was sent; raises ProblemsFound when an event was not accepted.

    `naming` are the words of the command line that name the pipeline.
    """
    with ExitStack() as opened:
        source = opened.enter_context(closing(_source(pipeline, origin, selection, sending, opened)))
        target = _target(pipeline, sending, opened)
        if sending.dry_run:
            items = [item for batch in chosen(source, selection, sending.limit) for item in batch]
            show_plan(items, target, source.skipped, as_machine)
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
            progress=_progress(not as_machine, opened),
        )
        report = replay.run()
    show(report, [*sending.words(), *naming], as_machine)


def _source(
    pipeline: Pipeline, origin: Origin, selection: Selection, sending: Sending, opened: ExitStack
) -> Source:
    if origin.file is not None:
        return FileSource(origin.file)
    if origin.subscription is not None:
        pubsub = opened.enter_context(closing(connect_pubsub(pipeline)))
        name = subscription_path(pipeline.project, origin.subscription)
        return SubscriptionSource(pubsub, name, keep=sending.dry_run)
    return ErrorsSource(connect_warehouse(pipeline, sending.timeout), selection, sending.limit)


def _target(pipeline: Pipeline, sending: Sending, opened: ExitStack) -> Target:
    shape = Shape(choose("--as", sending.shape, Shape))
    timeout = sending.timeout or TIMEOUT
    to = TOPIC if sending.dry_run and sending.to is None else sending.to
    kind, _, name = (to or "").partition(":")
    if kind == TOPIC:
        pubsub = opened.enter_context(closing(connect_pubsub(pipeline)))
        return TopicTarget(pubsub, _topics(pipeline, name), readers_of(pipeline))
    if to == FUNCTION:
        if not isinstance(pipeline, ChainAddress):
            raise UsageError(
                "--to function means the functions of a local chain: give the deployed function's URL"
            )
        if pipeline.pulled:
            raise UsageError(
                "--to function pushes, and this chain's functions pull: use --to topic, or start the chain "
                "with `cqc up --driver push`"
            )
        urls = pipeline.functions
        return FunctionTarget({"parse": urls["parse"], "features": urls["features"]}, shape, timeout=timeout)
    if to is None:
        raise UsageError("say where the events go: --to topic, --to topic:NAME, --to function or --to URL")
    return FunctionTarget({"parse": to, "features": to}, shape, identity_token, timeout)


def _topics(pipeline: Pipeline, name: str) -> dict[Stage, str]:
    if not name:
        return topics_of(pipeline)
    full = topic_path(pipeline.project, name)
    return {"parse": full, "features": full}


def _note(pipeline: Pipeline, target: Target, opened: ExitStack) -> Callable[[Sequence[Sent]], None]:
    """Publishing is recorded in the journal; a push to a function is debugging, and is not."""
    if not isinstance(target, TopicTarget):
        return lambda _: None
    journal = opened.enter_context(Journal(pipeline.project, pipeline.dataset, REPLAY))
    return lambda outcomes: journal.note(outcomes, [target.describe(sent.item) for sent in outcomes])


def _progress(wanted: bool, opened: ExitStack) -> Callable[[Report], None]:
    text = "{task.completed:,} sent, {task.fields[failed]:,} failed"
    update = opened.enter_context(progress_bar("replaying", text, wanted, failed=0))
    return lambda report: update(total=report.selected, completed=report.sent, failed=len(report.failed))
