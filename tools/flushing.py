"""Calls the flush, as Cloud Scheduler does, once or at an interval."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from tools.errors import CommandError

TIMEOUT = 120.0
"""Seconds; the flush of a large backlog takes a while, and Cloud Scheduler waits 180 s by default."""

Summary = Mapping[str, object]
"""The aggregate function's answer: windows, panes by kind, events folded, lag."""


def flush(url: str, timeout: float = TIMEOUT) -> Summary:
    """POSTs to the aggregate function at `url`; raises CommandError when it does not answer 200 with JSON."""
    request = urllib.request.Request(
        url, data=b"{}", method="POST", headers={"Content-Type": "application/json", "User-Agent": "cqc"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            summary = json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read(500).decode(errors="replace").strip() or "no text"
        raise CommandError(
            f"aggregate at {url} answered {error.code} to the flush ({text}): see its log"
        ) from None
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise CommandError(
            f"aggregate at {url} does not answer ({reason}): is the chain still running (cqc up)?"
        ) from None
    except ValueError:
        raise CommandError(
            f"aggregate at {url} answered something that is not JSON: is it the right URL?"
        ) from None
    if not isinstance(summary, dict):
        raise CommandError(f"aggregate at {url} answered no JSON object: is it the right URL?")
    return summary


class Scheduler:
    """Flushes every `every` seconds from a thread of its own; a flush that takes longer skips ticks."""

    def __init__(self, url: str, every: float, report: Callable[[str], None]) -> None:
        self._url = url
        self._every = every
        self._report = report
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the schedule; a flush that is running is left to its server."""
        self._stopped.set()

    def _run(self) -> None:
        due = time.monotonic() + self._every
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            self._tick()
            while due <= time.monotonic():
                due += self._every

    def _tick(self) -> None:
        try:
            flush(self._url)
        except CommandError as error:
            if not self._stopped.is_set():
                self._report(f"the scheduled flush failed: {error}")
