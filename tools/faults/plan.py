"""A plan of faults: a small JSON document, strict, whose every decision follows from its seed.

    {"seed": 17, "heals_at": 15,
     "services": {"firestore": {"fails": {"ABORTED": 0.05}, "loses_answers": 0.02}},
     "deliveries": {"twice": 0.1},
     "actions": [{"at": 4, "does": "kill", "part": "features"}]}

Shares are of calls, 0 to 1; times are in seconds, those of `heals_at` and `at` after the chain is up.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tools.errors import UsageError

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=60)]
Code = Literal["ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"]
ServiceName = Literal["pubsub", "firestore", "bigquery", "feature-store"]
FunctionName = Literal["parse", "features", "aggregate", "deadletter"]
MAX_SKEW = 200
"""Seconds between two clocks that the pipeline must bear, as in the simulation."""
MANY = 4


class Fault(StrEnum):
    """The kinds, as they are counted. A status is counted by its code: `answers ABORTED`."""

    ANSWERS = "answers"
    LOSES_ANSWER = "loses the answer of an applied call"
    CLOSES_STREAM = "closes an idle stream"
    SLOW = "answers slowly"
    CUTS_LISTING = "breaks off a listing"
    SHUFFLES = "answers a read in another order"
    REFUSES_ROW = "refuses one row of an append"
    TWICE = "delivers twice at once"
    AGAIN = "delivers again after the acknowledgement"
    LATE = "delivers late and out of order"
    LOSES_ACK = "loses an acknowledgement"
    KILL = "kill -9 of"
    KILL_INSTANCE = "kill -9 of an instance of"
    FREEZE = "freezes"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Calls(_Strict):
    """What happens to the calls of one service that the functions make."""

    fails: Mapping[Code, Share] = {}
    """Before the call has its effect."""
    loses_answers: Share = 0
    """After it: the caller sees UNAVAILABLE or DEADLINE_EXCEEDED. This is also how a busy stream ends."""
    closes_streams: Share = 0
    """After an answer, between two requests."""
    slow: Share = 0
    slow_by: Seconds = 1
    """At most."""
    cuts_listings: Share = 0
    """A listing breaks off with UNAVAILABLE after some of its documents."""
    shuffles_reads: Share = 0
    """Documents read by name come in another order."""

    @model_validator(mode="after")
    def _leaves_calls_that_succeed(self) -> "Calls":
        if sum(self.fails.values()) + self.loses_answers > 0.9:
            raise ValueError("fails and loses_answers come to over 0.9: nothing would ever get through")
        return self


class Deliveries(_Strict):
    """What Pub/Sub does with pushes."""

    twice: Share = 0
    """To two instances at once, where the function has two."""
    again: Share = 0
    """Once more, up to `late_by` after the acknowledgement."""
    late: Share = 0
    late_by: Annotated[float, Field(gt=0, le=600)] = 5
    """At most; messages overtake each other."""
    loses_acks: Share = 0


class Action(_Strict):
    """Something that happens to a part once, at a time."""

    at: Annotated[float, Field(ge=0)]
    does: Literal["kill", "kill-instance", "freeze"]
    """`kill-instance` kills one worker process of a function, `kill` all of a part's processes."""
    part: ServiceName | FunctionName
    seconds: Seconds = 1
    """How long it is frozen."""


class Plan(_Strict):
    """All that goes wrong until `heals_at`."""

    seed: int = 0
    heals_at: Annotated[float, Field(gt=0, le=3600)]
    services: Mapping[ServiceName, Calls] = {}
    deliveries: Deliveries = Deliveries()
    refuses_rows_of: Annotated[str, Field(min_length=3)] | None = None
    """BigQuery refuses rows for realtime_features that contain this text: a prefix of event ids."""
    clocks: Mapping[
        FunctionName,
        Annotated[
            list[Annotated[int, Field(ge=-MAX_SKEW, le=MAX_SKEW)]], Field(min_length=1, max_length=MANY)
        ],
    ] = {}
    """Each function's instances, and how many seconds their clocks are ahead; by default one that is right.
    A function that pulls is one process, and has the first of its clocks.
    An instance whose clock is far behind logs nothing, so all clocks are right once the plan has healed."""
    actions: Sequence[Action] = ()

    @model_validator(mode="after")
    def _heals(self) -> "Plan":
        for action in self.actions:
            ends = action.at + (action.seconds if action.does == "freeze" else 0)
            if ends > self.heals_at:
                raise ValueError(f"{action.does} of {action.part} ends at {ends:g}, after heals_at")
            if action.does == "kill-instance" and action.part not in get_args(FunctionName):
                raise ValueError(f"kill-instance needs a function, and {action.part} is a service")
        return self

    def forgets(self) -> Iterator[str]:
        """The services that it kills: without kept data they come back empty."""
        killed = (action.part for action in self.actions if action.does == "kill")
        yield from (part for part in dict.fromkeys(killed) if part in get_args(ServiceName))

    def beside_emulators(self) -> "Plan":
        """What of it is left where Google's emulators take the places of two stand-ins: what happens to
        processes, and to BigQuery and the feature store. A killed service would come back empty."""
        standins = ("bigquery", "feature-store")
        return self.model_copy(
            update={
                "services": {name: calls for name, calls in self.services.items() if name in standins},
                "deliveries": Deliveries(),
                "actions": [
                    action
                    for action in self.actions
                    if action.does != "kill" or action.part in get_args(FunctionName)
                ],
            }
        )

    def to_json(self) -> str:
        return self.model_dump_json(indent=2, exclude_defaults=True)


def load(path: Path) -> Plan:
    """Raises UsageError with one sentence that says what is wrong and where."""
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"the plan {path} can't be read ({error.strerror}): name a file, or seed:17 for a drawn plan"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the plan"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise UsageError(f"the plan {path} is wrong: {where}: {first['msg']}{more}") from None
