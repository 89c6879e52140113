"""Where events go: one function by push, or a topic."""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import requests

from tools.errors import UsageError
from tools.pipeline.deployment import Pipeline
from tools.pipeline.publishing import MAX_BYTES, MAX_MESSAGES
from tools.pipeline.pubsub import PublishRefused, PubSub
from tools.pipeline.pubsub_state import ACKNOWLEDGED
from tools.replay.items import Item, Stage
from tools.replay.shapes import Shape, post_of

TIMEOUT = 75.0
"""Seconds for one push: longer than a function's own timeout of 60 s."""
_SHOWN = 500
"""Characters kept of an answer: the functions answer with one sentence."""
TOKEN_LIFE = 2_700.0
"""Seconds after which a new identity token is fetched; Google's live an hour."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one event: `problem` is None when it was accepted."""

    item: Item
    problem: str | None = None
    message_id: str = ""
    """Empty unless it was published."""


class Target(Protocol):
    """Accepts events."""

    at_once: int
    """Events per call: more cost less, but all of them are repeated after an interruption."""

    def check(self) -> None:
        """Raises UsageError when nothing can be sent there."""

    def send(self, items: Sequence[Item]) -> list[Sent]:
        """One outcome per event, in order; raises CommandError when the target cannot be used."""

    def describe(self, item: Item) -> str:
        """Where this event goes."""


class FunctionTarget:
    """Pushes each event to the function of its stage."""

    at_once = 10

    def __init__(
        self,
        urls: Mapping[Stage, str],
        shape: Shape,
        token: Callable[[str], str] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """`token` gives the identity token for a URL; None pushes without one. `timeout` is for one push."""
        self._timeout = timeout
        self._urls = urls
        self._shape = shape
        self._token = token
        self._tokens: dict[str, tuple[str, float]] = {}
        self._session = requests.Session()

    def check(self) -> None:
        for url in set(self._urls.values()):
            parts = _checked(url)
            self._authorise(url)
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
            try:
                socket.create_connection((host, port), timeout=10).close()
            except OSError as error:
                raise UsageError(
                    f"nothing answers at {url} ({error.strerror or error}): start the function there, see "
                    "docs/debugging.md, or name another URL with --to"
                ) from None

    def send(self, items: Sequence[Item]) -> list[Sent]:
        return [Sent(item, self._push(item)) for item in items]

    def describe(self, item: Item) -> str:
        return self._urls[item.stage]

    def _push(self, item: Item) -> str | None:
        """Why it was not accepted: the status and the function's answer; None when it was."""
        url = self._urls[item.stage]
        post = post_of(item, self._shape, datetime.now(UTC))
        try:
            answer = self._session.post(
                url,
                data=post.body,
                headers={**post.headers, **self._authorise(url)},
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.Timeout:
            return f"no answer from {url} within {self._timeout:g} s: is the function frozen or overloaded?"
        except requests.RequestException as error:
            return f"no answer: {error}"[:_SHOWN]
        if answer.status_code in ACKNOWLEDGED:
            return None
        return f"{answer.status_code}: {answer.text.strip()[:_SHOWN] or 'no text'}"

    def _authorise(self, url: str) -> dict[str, str]:
        if self._token is None or not url.startswith("https://"):
            return {}
        token, until = self._tokens.get(url, ("", 0.0))
        if time.monotonic() >= until:
            token, until = self._token(url), time.monotonic() + TOKEN_LIFE
            self._tokens[url] = token, until
        return {"Authorization": f"Bearer {token}"}


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"--to {url}: not a URL ({error}): write it like http://127.0.0.1:8080") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--to {url}: give topic, topic:NAME, function, or a URL like http://127.0.0.1:8080")
    return parts


def identity_token(url: str) -> str:
    """A token that the deployed function at `url` accepts; raises UsageError without suitable credentials."""
    import google.auth.transport.requests
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.id_token import fetch_id_token

    parts = urlsplit(url)
    audience = f"{parts.scheme}://{parts.netloc}"  # the bare service URL, as in the push subscriptions
    try:
        token: str = fetch_id_token(google.auth.transport.requests.Request(), audience)
    except GoogleAuthError as error:
        raise UsageError(
            f"there are no Google credentials that can make an identity token for {audience} ({error}): set "
            "GOOGLE_APPLICATION_CREDENTIALS to a file of `gcloud auth application-default login "
            "--impersonate-service-account=ACCOUNT`, where ACCOUNT may call the function (run.invoker)"
        ) from None
    return token


def readers_of(pipeline: Pipeline) -> dict[str, Stage]:
    """The functions that the topics feed."""
    return {topic: stage for stage, topic in topics_of(pipeline).items()}


def topics_of(pipeline: Pipeline) -> dict[Stage, str]:
    """The topics that feed the two functions."""
    return {"parse": pipeline.topics["events"], "features": pipeline.topics["parsed"]}


class TopicTarget:
    """Publishes each event to the topic of its stage."""

    at_once = 500

    def __init__(
        self, pubsub: PubSub, topics: Mapping[Stage, str], readers: Mapping[str, Stage] | None = None
    ) -> None:
        """`readers` are the functions behind the topics that have one: they take no other stage's events."""
        self._pubsub = pubsub
        self._topics = topics
        self._readers = readers or {}

    def check(self) -> None:
        """Nothing to check: the first publish shows whether the topic exists."""

    def send(self, items: Sequence[Item]) -> list[Sent]:
        outcomes: list[Sent] = []
        for group in _groups(items):
            problem = self._misdirected(group[0])
            outcomes += [Sent(item, problem) for item in group] if problem else self._publish(group)
        return outcomes

    def _misdirected(self, item: Item) -> str | None:
        """Why the topic's reader would only reject the event; None if it is the event's own."""
        topic = self._topics[item.stage]
        reader = self._readers.get(topic, item.stage)
        if reader == item.stage:
            return None
        return f"not sent: {topic} feeds {reader}, and this event is for {item.stage}: use --to topic"

    def describe(self, item: Item) -> str:
        return self._topics[item.stage]

    def _publish(self, items: Sequence[Item]) -> list[Sent]:
        """Events of one topic; a message that Pub/Sub refuses fails alone."""
        messages = [(item.data, item.outgoing_attributes()) for item in items]
        try:
            ids = self._pubsub.publish_messages(self._topics[items[0].stage], messages)
        except PublishRefused as refusal:
            if len(items) == 1:
                return [Sent(items[0], str(refusal))]
            return [sent for item in items for sent in self._publish([item])]
        return [Sent(item, message_id=message_id) for item, message_id in zip(items, ids, strict=True)]


def _groups(items: Sequence[Item]) -> list[list[Item]]:
    """In order, each of one topic and within the limits of one publish request."""
    groups: list[list[Item]] = []
    size = 0
    for item in items:
        item_size = len(item.data) + 2_000  # a generous estimate of its attributes
        group = groups[-1] if groups else []
        fits = len(group) < MAX_MESSAGES and size + item_size <= MAX_BYTES
        if group and group[0].stage == item.stage and fits:
            group.append(item)
            size += item_size
        else:
            groups.append([item])
            size = item_size
    return groups
