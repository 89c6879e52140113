"""`python -m functions.pulling parse`: a function as a program that pulls, instead of being pushed to.

The same main.py, its settings and its intake; it serves no port. docs/decisions/0011 has the reasons.
"""

import argparse
import asyncio
import faulthandler
import importlib
import signal
from types import ModuleType

import uvloop

from shared.delivery.intake import Intake
from shared.delivery.pull import Puller
from shared.gcp.streaming_pull import FlowLimits, PulledSubscription
from shared.settings import MessageSettings
from shared.topology import PUSHED, subscription_name, subscription_path

HUNG_SECONDS = 60.0
"""A loop that stands still for so long never goes on: no step of it takes a second."""
_SIGN_OF_LIFE_SECONDS = 10.0


def main() -> None:
    """Pulls until SIGTERM or SIGINT, and then settles what it has: within 9 s.

    A loop that hangs ends the process with every thread's traceback in the log.
    """
    parser = argparse.ArgumentParser(
        prog="python -m functions.pulling", description="pulls a stage's messages"
    )
    parser.add_argument("stage", choices=sorted(PUSHED))
    stage = parser.parse_args().stage
    function = importlib.import_module(f"functions.{stage}.main")
    uvloop.run(_pull(function, _subscription(stage, function.settings)))


def _subscription(stage: str, settings: MessageSettings) -> PulledSubscription:
    name = settings.subscription or subscription_name(PUSHED[stage], stage)
    # Each message waits for at most one other batch: two in flight, and none behind them.
    limits = FlowLimits(2 * settings.batch_max_events, settings.max_bytes_in_flight)
    return PulledSubscription(subscription_path(settings.project_id, name), limits)


async def _pull(function: ModuleType, subscription: PulledSubscription) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _show_life(loop)
    intake: Intake = function.handler().intake
    await Puller(intake, subscription).run(stop)


def _show_life(loop: asyncio.AbstractEventLoop) -> None:
    """Puts off the end of the process, and comes again."""
    faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
    loop.call_later(_SIGN_OF_LIFE_SECONDS, _show_life, loop)


if __name__ == "__main__":
    main()
