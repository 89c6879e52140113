"""A function as a program that pulls: how it starts, and how it ends."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any

from google.pubsub_v1 import types

from tests.entrypoints.server import BOUND
from tests.support.fresh_python import python_running
from tools.paths import ROOT
from tools.standins.serving import conversation, listening

NOBODY = "127.0.0.1:1"
HANGS = """
import sys, time
from functions import pulling

class Hanging:
    def __init__(self, intake, subscription):
        print("hangs", flush=True)

    async def run(self, stop):
        time.sleep(600)

pulling.Puller = Hanging
pulling.HUNG_SECONDS = 2.0
pulling.main()
"""


def pulling(*command: str, **settings: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """Python with these arguments and settings, and no Pub/Sub to pull from."""
    variables = {"PYTHONPATH": str(ROOT), "PUBSUB_EMULATOR_HOST": NOBODY, **settings}
    inherited = {name: value for name, value in os.environ.items() if name != "PROJECT_ID"}
    return python_running(*command, environment=inherited | variables)


def test_a_stage_that_takes_no_messages_is_refused_with_those_that_do() -> None:
    with pulling("-m", "functions.pulling", "aggregate", PROJECT_ID="p") as process:
        _, errors = process.communicate(timeout=BOUND)
    assert process.returncode == 2
    assert "invalid choice: 'aggregate' (choose from" in errors
    assert all(stage in errors for stage in ("parse", "features", "deadletter"))


def test_a_missing_setting_stops_the_start_with_one_sentence() -> None:
    with pulling("-m", "functions.pulling", "parse") as process:
        output, errors = process.communicate(timeout=BOUND)
    (sentence,) = errors.splitlines()
    assert sentence == ("ParseSettings: environment variable PROJECT_ID is missing. Set it and start again.")
    assert (process.returncode, output) == (1, "")


def test_sigterm_ends_it_well_while_there_is_nobody_to_pull_from() -> None:
    with pulling("-m", "functions.pulling", "deadletter", PROJECT_ID="p", SUBSCRIPTION="s") as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert '"message":"pulling from projects/p/subscriptions/s ended and begins again: UNAVAILABLE' in said
    assert (process.returncode, errors) == (0, "")


async def test_two_batches_of_messages_may_be_out() -> None:
    """A third would wait for two others, and its leases would run out in an outage."""
    first: asyncio.Queue[Any] = asyncio.Queue()

    async def stream(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for request in requests:
            first.put_nowait(request)
        yield types.StreamingPullResponse.pb()()

    handler = conversation(stream, types.StreamingPullRequest.pb(), types.StreamingPullResponse.pb())
    async with listening({"google.pubsub.v1.Subscriber": {"StreamingPull": handler}}, "127.0.0.1", 0) as at:
        settings = {"PROJECT_ID": "p", "BATCH_MAX_EVENTS": "7", "MAX_BYTES_IN_FLIGHT": "20000000"}
        with pulling("-m", "functions.pulling", "parse", PUBSUB_EMULATOR_HOST=at.address, **settings):
            async with asyncio.timeout(BOUND):
                opening = await first.get()
    assert opening.subscription == "projects/p/subscriptions/dashboard-events-parse"
    assert (opening.max_outstanding_messages, opening.max_outstanding_bytes) == (14, 20_000_000)


def test_a_loop_that_hangs_ends_the_process_with_every_thread_s_traceback() -> None:
    with pulling("-c", HANGS, "parse", PROJECT_ID="p") as process:
        output, errors = process.communicate(timeout=20)  # without that end it hangs
    assert (process.returncode, output) == (1, "hangs\n")
    assert errors.startswith("Timeout (0:00:02)!")
    assert "in run" in errors
