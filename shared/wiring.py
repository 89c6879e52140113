"""What every function's main.py does: read the settings, set up logs and traces, build the handler."""

from time import monotonic
from typing import TypeVar

from shared.clock import utc_now
from shared.dead_letters.brake import DeadLetterBrake
from shared.dead_letters.publisher import DeadLetterPublisher
from shared.delivery.batching import Commit
from shared.delivery.handler import Process, PushHandler, SendRejected
from shared.gc_tuning import freeze_startup_objects
from shared.message import OutMessage
from shared.settings import DeadLetterSettings, RejectingSettings, Settings, TracedSettings, load
from shared.telemetry import logs, tracing

S = TypeVar("S", bound=Settings)


def start(stage: str, kind: type[S]) -> S:
    """The settings, and logs as JSON from here on; called when the function's module is imported."""
    settings = load(kind)
    logs.configure(stage, settings.log_level, settings.project_id)
    return settings


def dead_letter_publisher(
    stage: str, settings: DeadLetterSettings, publish_batch: Commit[OutMessage]
) -> DeadLetterPublisher:
    """This stage's dead letters; `publish_batch` is that of settings.dead_letter_topic."""
    return DeadLetterPublisher(
        publish_batch,
        stage=stage,
        clock=utc_now,
        pipeline_version=settings.pipeline_version,
        limits=settings.limits,
    )


def push_handler(stage: str, settings: TracedSettings, process: Process) -> PushHandler:
    """For a stage that rejects nothing; called last, when everything else is built."""
    tracing.configure(stage, settings.otel_exporter_otlp_endpoint)
    freeze_startup_objects()
    return PushHandler(process)


def rejecting_handler(
    stage: str, settings: RejectingSettings, process: Process, send_rejected: SendRejected
) -> PushHandler:
    """The same for a stage whose rejected messages become dead letters, unless the brake holds them."""
    tracing.configure(stage, settings.otel_exporter_otlp_endpoint)
    freeze_startup_objects()
    return PushHandler(process, send_rejected, DeadLetterBrake(settings.brake_limits, monotonic))
