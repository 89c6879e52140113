"""Settings from environment variables, checked when the function starts.

Every default has its reason here; Terraform passes only what differs. A missing or malformed variable stops
the start with a sentence that names it.
"""

from datetime import timedelta
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import __version__
from shared.dead_letters.brake import BrakeLimits
from shared.delivery.admission import LEAST_BYTES_IN_FLIGHT
from shared.delivery.batching import BatchLimits
from shared.topology import DATASET, DEAD_LETTER_TOPIC, PARSED_TOPIC


def _seconds_or_iso(value: object) -> object:
    """`3600` and `PT1H` both mean an hour."""
    if isinstance(value, str):
        try:
            return timedelta(seconds=float(value))
        except (ValueError, OverflowError):
            return value
    return value


Duration = Annotated[
    timedelta, BeforeValidator(_seconds_or_iso), Field(ge=timedelta(0), le=timedelta(days=7))
]
Retention = Annotated[timedelta, BeforeValidator(_seconds_or_iso), Field(ge=timedelta(days=31))]
Name = Annotated[str, Field(min_length=1)]
FeatureViewName = Annotated[
    str, Field(pattern=r"^projects/[^/]+/locations/[^/]+/featureOnlineStores/[^/]+/featureViews/[^/]+$")
]


class Settings(BaseSettings):
    """For every function."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    project_id: Name
    pipeline_version: Name = f"{__version__}+local"
    """Which code made a row. A deployed function is given the version and its package's content hash."""
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"


_DEFAULTS = BatchLimits()


class BatchSettings(Settings):
    """For functions that batch concurrent requests; BatchLimits has the reasons for the defaults."""

    batch_max_events: Annotated[int, Field(ge=1, le=1000)] = _DEFAULTS.max_items
    batch_linger_ms: Annotated[float, Field(ge=0, le=1000)] = _DEFAULTS.linger_seconds * 1000
    max_waiting: Annotated[int, Field(ge=1)] = _DEFAULTS.max_waiting

    @property
    def limits(self) -> BatchLimits:
        return BatchLimits(
            max_items=self.batch_max_events,
            linger_seconds=self.batch_linger_ms / 1000,
            max_waiting=self.max_waiting,
        )


class MessageSettings(BatchSettings):
    """For functions that handle messages."""

    max_bytes_in_flight: Annotated[int, Field(ge=LEAST_BYTES_IN_FLIGHT)] = 32 * 2**20
    """Request bodies that an instance holds at once. 80 events of MAX_EVENT_BYTES are 28 MB in base64, so
    only messages that are rejected for their size meet it. A body costs up to four times its bytes while it
    is decoded and dead-lettered: with 120 MiB of imports that is within an instance of 512 MiB."""
    subscription: Name | None = None
    """What a function that runs as a program pulls from, by its short or full name. Unset: the subscription
    that shared/topology.py names."""
    otel_exporter_otlp_endpoint: Annotated[str | None, Field(pattern="^https?://")] = None
    """Where spans go, as OTLP over HTTP. Unset: no spans and no cost. OpenTelemetry itself reads this and its
    other OTEL_… variables, such as OTEL_TRACES_SAMPLER."""


class DeadLetteringSettings(BatchSettings):
    """For functions that write dead letters."""

    dead_letter_topic: Name = DEAD_LETTER_TOPIC


class RejectingSettings(DeadLetteringSettings, MessageSettings):
    """For functions that reject messages, and the brake on that (docs/decisions/0040)."""

    dead_letter_brake: bool = True
    """`off` is the operator's override: every rejected message becomes a dead letter at once."""
    dead_letter_brake_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A healthy stream rejects well under 1 %, and one broken producer among several some 10 %: those become
    dead letters. Above half, the stream or this code is broken, not the events."""
    dead_letter_brake_minimum: Annotated[int, Field(ge=1)] = 500
    """Fewer dead letters than this are redriven in a minute, so holding them would gain nothing; and a test
    or a new producer's first few hundred bad messages do not engage the brake."""
    dead_letter_brake_period: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(minutes=5)
    """Once a stream breaks completely, half of the period's messages are bad after half of the period: the
    brake engages within two and a half minutes, and releases as soon after the fix. With the minimum it works
    from 1.7 events a second on; a quieter stream has at most 6,000 dead letters an hour."""

    @property
    def brake_limits(self) -> BrakeLimits | None:
        """None when the brake is off."""
        if not self.dead_letter_brake:
            return None
        return BrakeLimits(
            share=self.dead_letter_brake_share,
            minimum=self.dead_letter_brake_minimum,
            period=self.dead_letter_brake_period.total_seconds(),
        )


class ParseSettings(RejectingSettings):
    """`parse`."""

    parsed_topic: Name = PARSED_TOPIC
    max_event_bytes: Annotated[int, Field(ge=1, le=1_000_000)] = 262_144
    """An event is about 0.5 KB, so 256 KiB is far above any real one; and a batch, cut at 4 MB, stays within
    the 10 MB of one publish even if its last event is this large."""
    max_age: Retention | None = None
    """How long the features table keeps a partition; unset: for ever. The row of an older event would be
    deleted as soon as it is written, so the event is rejected, and seen, instead."""
    max_future: Duration = timedelta(minutes=5)
    """docs/contract.md#clock-limits: clocks drift by seconds, 5 minutes ahead is a mistake."""


class WindowSettings(DeadLetteringSettings):
    """What `features` and `aggregate` must agree on, and where both write."""

    dataset: Name = DATASET
    firestore_database: Name = "(default)"
    feature_view: FeatureViewName | None = None
    """Unset: no online store. Direct write is a preview, and a store costs money while idle."""
    allowed_lateness: Duration = timedelta(hours=1)


class FeaturesSettings(WindowSettings, RejectingSettings):
    """`features`."""

    feature_timezone: ZoneInfo = ZoneInfo("Europe/London")


class AggregateSettings(WindowSettings):
    """`aggregate`."""

    flush_shards: Annotated[int, Field(ge=1, le=64)] = 1
    """Into how many flushes the locations are divided. One folds 1,000 events a second of 55,000 locations in
    a few seconds a minute; each needs a schedule of its own (terraform/functions.tf)."""


class DeadletterSettings(MessageSettings):
    """`deadletter`."""

    dataset: Name = DATASET


S = TypeVar("S", bound=Settings)


def load(kind: type[S]) -> S:
    """The settings from the environment; exits with a sentence that names every wrong variable."""
    try:
        return kind()
    except ValidationError as error:
        raise SystemExit(f"{kind.__name__}: {wrong_variables(error)}. Set it and start again.") from None


def wrong_variables(error: ValidationError) -> str:
    """Each with what is wrong, such as `environment variable MAX_AGE is wrong: … (got 'x')`."""
    return "; ".join(
        f"environment variable {str(problem['loc'][0]).upper()} is "
        + (
            "missing"
            if problem["type"] == "missing"
            else f"wrong: {problem['msg']} (got {problem['input']!r})"
        )
        for problem in error.errors()
    )
