"""An instance that was without CPU between requests keeps its warm worker."""

import os
import signal
import time
from pathlib import Path

from tests.entrypoints.alone import deployed
from tests.support.polling import until

TIMEOUT = 1
"""Seconds; the function's request timeout as Cloud Run tells it."""


def test_a_worker_survives_longer_without_cpu_than_a_request_may_take(tmp_path: Path) -> None:
    with deployed("parse", tmp_path, CLOUD_RUN_TIMEOUT_SECONDS=str(TIMEOUT)) as parse:
        before = parse.workers
        os.killpg(parse.master, signal.SIGSTOP)
        time.sleep(3 * TIMEOUT)  # that time passes is the test
        os.killpg(parse.master, signal.SIGCONT)
        time.sleep(2 * TIMEOUT)  # gunicorn looks for silent workers every second
        until(parse.serves, "an answer")
        assert parse.workers == before
