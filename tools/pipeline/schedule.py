"""The flush of a deployed pipeline, called now: through its schedule, as `aggregate` admits no one else."""

import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from tools.errors import CommandError
from tools.pipeline.connect import credentials
from tools.pipeline.deployment import Deployment

TIMEOUT = 20.0


def jobs_of(deployment: Deployment) -> list[str]:
    """The full names of the jobs that call the flush, one a shard (terraform/functions.tf)."""
    name = f"{deployment.name_prefix}-flush"
    shards = deployment.flush_shards
    names = [name] if shards == 1 else [f"{name}-{shard}" for shard in range(shards)]
    return [f"projects/{deployment.project}/locations/{deployment.region}/jobs/{name}" for name in names]


def session(deployment: Deployment) -> AuthorizedSession:
    """Raises UsageError without credentials."""
    return AuthorizedSession(credentials(deployment.project))


def run_now(job: str, session: requests.Session) -> None:
    """Has Cloud Scheduler call the flush at once, whose answer only its log has; raises CommandError."""
    url = f"https://cloudscheduler.googleapis.com/v1/{job}:run"
    try:
        answer = session.post(url, json={}, timeout=TIMEOUT)
    except (requests.RequestException, GoogleAuthError) as error:
        raise CommandError(f"Cloud Scheduler can't be reached to run {job}: {error}") from None
    if answer.status_code != 200:
        hint = "--project and --region say where it is; running it needs cloudscheduler.jobs.run"
        raise CommandError(
            f"Cloud Scheduler answered {answer.status_code} for {job} ({_why(answer)}): {hint}"
        )


def _why(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:200] or "no text"
