"""Calls the flush once, as Cloud Scheduler does each minute."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

from tools.errors import CommandError

TIMEOUT = 120.0
"""Seconds; a large backlog takes the flush a while, and Cloud Scheduler waits 180 s by default."""

Summary = Mapping[str, object]
"""The aggregate function's answer: windows, panes by kind, events folded, lag."""


def flush(url: str, timeout: float = TIMEOUT) -> Summary:
    """POSTs to the aggregate function at `url`; raises CommandError unless it answers 200 with JSON."""
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
        raise CommandError(f"aggregate at {url} does not answer ({reason}): `cqc doctor` says why") from None
    except ValueError:
        raise CommandError(f"aggregate at {url} answered no JSON: is it the right URL?") from None
    if not isinstance(summary, dict):
        raise CommandError(f"aggregate at {url} answered no JSON object: is it the right URL?")
    return summary
