"""What the logs of deployed functions say: circuit breakers, and why messages are retried."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.telemetry.logs import LogEvent
from shared.topology import FUNCTIONS
from tools.errors import CommandError
from tools.health.answers import reason_in
from tools.health.facts import Logged, Switch
from tools.pipeline.google_rest import GoogleRest, Json, found
from tools.pipeline.worker_pools import SUFFIX

HOST = "logging.googleapis.com"
_FUNCTION, _POOL = "cloud_run_revision", "cloud_run_worker_pool"
"""What Cloud Run calls that which logs: a function, or a worker pool of one that pulls."""
SWITCHES = (
    LogEvent.DEAD_LETTER_BRAKE_ENGAGED,
    LogEvent.DEAD_LETTER_BRAKE_RELEASED,
    LogEvent.ONLINE_STORE_UNAVAILABLE,
    LogEvent.ONLINE_STORE_RECOVERED,
)
DAY = timedelta(days=1)
"""Longer than Pub/Sub tries to deliver a message that a brake holds (15 hours)."""
RECENT = timedelta(minutes=10)
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one instance."""

    at: datetime
    function: str
    instance: str
    event: str
    line: Mapping[str, object]
    pulls: bool = False
    """A worker pool wrote it."""


def read_logs(rest: GoogleRest, project: str, name_prefix: str, now: datetime) -> Mapping[str, Logged]:
    """What each function's log says; raises CommandError."""
    switches = _read(rest, project, _filter(name_prefix, SWITCHES, now - DAY), MOST)
    retries = _read(rest, project, _filter(name_prefix, [LogEvent.MESSAGE_RETRIED], now - RECENT), MOST)
    entries = [*entries_in(switches, name_prefix), *entries_in(retries, name_prefix)]
    return {name: logged([entry for entry in entries if entry.function == name]) for name in FUNCTIONS}


def _filter(name_prefix: str, events: Sequence[LogEvent], since: datetime) -> str:
    matched = " OR ".join(f'"{event}"' for event in events)
    return (
        f'((resource.type="{_FUNCTION}" AND resource.labels.service_name:"{name_prefix}-") '
        f'OR (resource.type="{_POOL}" AND resource.labels.worker_pool_name:"{name_prefix}-")) '
        f'AND jsonPayload.event=({matched}) AND timestamp>="{since.isoformat()}"'
    )


def read_command(project: str, name_prefix: str, function: str) -> str:
    """The command that shows a person the function's errors, whether it is pushed to or pulls."""
    service = f'resource.labels.service_name="{name_prefix}-{function}"'
    pool = f'resource.labels.worker_pool_name="{name_prefix}-{function}{SUFFIX}"'
    wanted = shlex.quote(f"({service} OR {pool}) AND severity>=ERROR")
    return f"gcloud logging read {wanted} --project {project} --freshness 1h --limit 20"


def _read(rest: GoogleRest, project: str, wanted: str, most: int) -> Json:
    body = {
        "resourceNames": [f"projects/{project}"],
        "filter": wanted,
        "orderBy": "timestamp desc",
        "pageSize": most,
    }
    return found(HOST, *rest.post(f"https://{HOST}/v2/entries:list", body))


def mentions(rest: GoogleRest, project: str, event_id: str, since: datetime) -> bool:
    """Whether any function has logged a line about this event; raises CommandError."""
    wanted = f'resource.type=("{_FUNCTION}" OR "{_POOL}") AND jsonPayload.event_id={json.dumps(event_id)}'
    return bool(_read(rest, project, f'{wanted} AND timestamp>="{since.isoformat()}"', 1).get("entries"))


def last_retry(
    rest: GoogleRest, project: str, name_prefix: str, event_id: str, since: datetime
) -> Entry | None:
    """The newest line about a retry of this event, or message; raises CommandError."""
    quoted = json.dumps(event_id)
    wanted = (
        f"{_filter(name_prefix, [LogEvent.MESSAGE_RETRIED], since)} "
        f"AND (jsonPayload.event_id={quoted} OR jsonPayload.message_id={quoted})"
    )
    return next(entries_in(_read(rest, project, wanted, 1), name_prefix), None)


def entries_in(answer: Json, name_prefix: str) -> Iterator[Entry]:
    """The entries of an entries.list; raises CommandError for anything else."""
    try:
        for entry in answer.get("entries", []):
            yield _entry(entry, name_prefix)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{HOST} answered something else than log entries ({error!r})") from None


def _entry(entry: Mapping[str, Any], name_prefix: str) -> Entry:
    labels = entry["resource"]["labels"]
    pulls = "worker_pool_name" in labels
    name = str(labels["worker_pool_name"]).removesuffix(SUFFIX) if pulls else str(labels["service_name"])
    return Entry(
        at=datetime.fromisoformat(entry["timestamp"]),
        function=name.removeprefix(f"{name_prefix}-"),
        instance=str(entry.get("labels", {}).get("instanceId", "")),
        event=str(entry["jsonPayload"]["event"]),
        line=entry["jsonPayload"],
        pulls=pulls,
    )


def logged(entries: Sequence[Entry]) -> Logged:
    """What one function's entries say, in any order."""
    ordered = sorted(entries, key=lambda entry: entry.at)
    retries = [entry for entry in ordered if entry.event == LogEvent.MESSAGE_RETRIED]
    return Logged(
        brake=_switch(ordered, LogEvent.DEAD_LETTER_BRAKE_ENGAGED, LogEvent.DEAD_LETTER_BRAKE_RELEASED),
        online_store=_switch(ordered, LogEvent.ONLINE_STORE_UNAVAILABLE, LogEvent.ONLINE_STORE_RECOVERED),
        retry=reason_in(retries[-1].line) if retries else "",
    )


def _switch(ordered: Sequence[Entry], on: LogEvent, off: LogEvent) -> Switch:
    """On if the last line of any instance says so; an instance that ended says nothing more."""
    last = {entry.instance: entry for entry in ordered if entry.event in (on, off)}
    since = [entry.at for entry in last.values() if entry.event == on]
    return Switch(bool(since), min(since, default=None))
