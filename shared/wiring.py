"""The wiring that every main.py shares: settings, logs, traces, dead letters and the handler."""

from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from shared.clock import utc_now
from shared.dead_letters.brake import DeadLetterBrake
from shared.dead_letters.publisher import DeadLetterPublisher
from shared.delivery.admission import ByteBudget
from shared.delivery.intake import Intake, Process, SendRejected
from shared.delivery.push import PushHandler
from shared.gc_tuning import freeze_startup_objects
from shared.settings import DeadLetteringSettings, MessageSettings, RejectingSettings, Settings, load
from shared.telemetry import logs, tracing

if TYPE_CHECKING:
    from requests import Session

S = TypeVar("S", bound=Settings)
H = TypeVar("H")


def start(stage: str, kind: type[S]) -> S:
    """Reads the settings and starts JSON logs; called when the function's module is imported."""
    settings = load(kind)
    logs.configure(stage, settings.log_level, settings.project_id)
    return settings


def dead_letter_publisher(stage: str, settings: DeadLetteringSettings) -> DeadLetterPublisher:
    """Sends this stage's dead letters to settings.dead_letter_topic."""
    from shared.gcp.pubsub import TopicPublisher  # deadletter is deployed without Pub/Sub's client

    return DeadLetterPublisher(
        TopicPublisher(settings.project_id, settings.dead_letter_topic).publish_batch,
        stage=stage,
        clock=utc_now,
        pipeline_version=settings.pipeline_version,
        limits=settings.limits,
    )


def _google_session() -> "Session":
    from shared.gcp.credentials import authorized_session  # only where spans go to Google

    return authorized_session()


def ready(handler: H) -> H:
    """The handler, once everything that it needs is built; called last."""
    freeze_startup_objects()
    return handler


def push_handler(stage: str, settings: MessageSettings, process: Process) -> PushHandler:
    """The handler of a stage that rejects nothing; called last, when everything else is built."""
    return _handler(stage, settings, Intake(process))


def rejecting_handler(
    stage: str, settings: RejectingSettings, process: Process, send_rejected: SendRejected
) -> PushHandler:
    """The handler of a stage whose rejected messages become dead letters, unless the brake holds them."""
    brake = DeadLetterBrake(settings.brake_limits, monotonic)
    return _handler(stage, settings, Intake(process, send_rejected, brake))


def _handler(stage: str, settings: MessageSettings, intake: Intake) -> PushHandler:
    tracing.configure(stage, settings.otel_exporter_otlp_endpoint, _google_session)
    return ready(PushHandler(intake, ByteBudget(settings.max_bytes_in_flight)))
