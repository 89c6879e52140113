"""`cqc replay --seek-subscription`: Pub/Sub itself delivers again, to the subscription's own subscriber."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from google.api_core.exceptions import GoogleAPICallError, InvalidArgument, MethodNotImplemented, NotFound
from google.pubsub_v1.types import SeekRequest

from shared.topology import MONITOR
from tools.console import console, print_json
from tools.errors import CommandError, UsageError
from tools.pipeline.connect import connect_pubsub
from tools.pipeline.deployment import Pipeline
from tools.pipeline.pubsub import TIMEOUT, PubSub
from tools.replay.pulling import subscription_path
from tools.times import moment


@dataclass(frozen=True, slots=True)
class Seek:
    """What the command line says; exactly one of `to_time` and `to_snapshot` is given."""

    subscription: str
    to_time: str | None
    to_snapshot: str | None
    dry_run: bool

    def target(self, project: str, now: datetime) -> datetime | str:
        """A time, or a snapshot's full name; raises UsageError."""
        if (self.to_time is None) == (self.to_snapshot is None):
            raise UsageError("--seek-subscription needs either --to-time TIME or --to-snapshot NAME")
        if self.to_time is not None:
            return moment("--to-time", self.to_time, now)
        return f"projects/{project}/snapshots/{(self.to_snapshot or '').rsplit('/', 1)[-1]}"


def refuse_times(to_time: str | None, to_snapshot: str | None) -> None:
    """Raises UsageError if one is given; for a replay that does not seek."""
    if to_time or to_snapshot:
        raise UsageError("--to-time and --to-snapshot belong to --seek-subscription NAME: give it as well")


def refuse(seek: Seek, given: Mapping[str, str], naming: Sequence[str]) -> None:
    """Raises UsageError, with the replay that can, if options that a seek can't honour are given.

    `naming` are the words of the command line that name the pipeline.
    """
    if not given:
        return
    since = {"--since": seek.to_time} if seek.to_time and "--since" not in given else {}
    words = [word for pair in ({"--to": "topic"} | since | dict(given)).items() for word in pair]
    words += ["--dry-run"] if seek.dry_run else []
    instead = shlex.join(["cqc", "replay", "--subscription", MONITOR, *words, *naming])
    raise UsageError(
        "a seek has Pub/Sub redeliver every message to the subscription's own subscriber, so it can't honour "
        f"{', '.join(given)}: use `{instead}`, which reads the raw stream of the last seven days"
    )


def run(pipeline: Pipeline, seek: Seek, as_machine: bool) -> None:
    """Seeks, or in a dry run only finds the subscription; says which and to where."""
    to = seek.target(pipeline.project, datetime.now(UTC))
    name = subscription_path(pipeline.project, seek.subscription)
    with closing(connect_pubsub(pipeline)) as pubsub:
        if seek.dry_run:
            _find(pubsub, name)
        else:
            _seek(pubsub, name, to)
    if as_machine:
        print_json({"subscription": name, "to": to, "dry_run": seek.dry_run})
    elif seek.dry_run:
        console().print(f"{name} would deliver again what came after {to}; nothing was changed.")
    else:
        console().print(f"{name} delivers again what came after {to}; no event is counted twice.")


def _find(pubsub: PubSub, subscription: str) -> None:
    try:
        pubsub.subscriber.get_subscription(subscription=subscription, retry=None, timeout=TIMEOUT)
    except NotFound as error:
        raise UsageError(f"can't seek {subscription}: {error.message}") from None
    except GoogleAPICallError as error:
        raise CommandError(f"looking at {subscription} failed: {error.message}") from None


def _seek(pubsub: PubSub, subscription: str, to: datetime | str) -> None:
    target = {"time": to} if isinstance(to, datetime) else {"snapshot": to}
    request = SeekRequest({"subscription": subscription, **target})
    try:
        pubsub.subscriber.seek(request=request, retry=None, timeout=TIMEOUT)
    except (NotFound, InvalidArgument) as error:
        raise UsageError(f"can't seek {subscription}: {error.message}") from None
    except MethodNotImplemented:
        raise UsageError(f"this Pub/Sub can't seek {subscription}: use Google's, or its emulator") from None
    except GoogleAPICallError as error:
        raise CommandError(f"seeking {subscription} failed: {error.message}") from None
