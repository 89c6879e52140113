"""The verdict of `parse` on a line, with a deployment's defaults and not this environment's. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from functions.parse.decoding import Decoder
from shared.errors import ErrorType, Reject
from shared.events import Event, encode
from shared.message import Message
from shared.settings import ParseSettings
from tools.validate.hints import hints

RETENTION = timedelta(days=730)
"""How long a deployment keeps its rows of realtime_features (terraform/variables.tf,
partition_expiration_days): the one setting of `parse` whose default is Terraform's and not the code's."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`parse` would publish it; no feature uses `unknown_fields`, such as `metrics.colour`."""

    event: Event
    unknown_fields: tuple[str, ...]
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """`parse` would make it a dead letter with this reason."""

    error_type: ErrorType
    message: str
    hints: tuple[str, ...]


Verdict = Accepted | Rejected


class Checker:
    """`parse` without its topics."""

    def __init__(self, max_age: timedelta | None = RETENTION) -> None:
        # Constructed, not loaded: a variable that is set in this shell is not what is deployed.
        self._decoder = Decoder.of(ParseSettings.model_construct(project_id="-", max_age=max_age))

    def check(self, data: bytes, now: datetime) -> Verdict:
        """What `parse` would do with a message of this data that it gets at `now`."""
        message = Message(data, "the-message-id", {}, now, "", None)
        try:
            event, unknown = self._decoder.decode(message, now)
            encode(event)
        except Reject as reject:
            return Rejected(reject.error_type, str(reject), _hints(data))
        names = sorted(name.removeprefix(f"{event.event_type}.") for name in unknown)
        return Accepted(event, tuple(names), _hints(data))


def _hints(data: bytes) -> tuple[str, ...]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return ()
    return tuple(sorted(hints(value))) if isinstance(value, Mapping) else ()
