"""The flush of a deployed pipeline, called now: through its schedule, as `aggregate` admits no one else."""

from tools.errors import CommandError
from tools.pipeline.deployment import Deployment
from tools.pipeline.google_rest import GoogleRest, found

TIMEOUT = 20.0
_HOST = "cloudscheduler.googleapis.com"


def jobs_of(deployment: Deployment) -> list[str]:
    """The full names of the jobs that call the flush, one a shard (terraform/functions.tf)."""
    name = f"{deployment.name_prefix}-flush"
    shards = deployment.flush_shards
    names = [name] if shards == 1 else [f"{name}-{shard}" for shard in range(shards)]
    return [f"projects/{deployment.project}/locations/{deployment.region}/jobs/{name}" for name in names]


def run_now(job: str, rest: GoogleRest) -> None:
    """Has Cloud Scheduler call the flush at once, whose answer only its log has; raises CommandError."""
    status, answer = rest.post(f"https://{_HOST}/v1/{job}:run", {})
    try:
        found(_HOST, status, answer)
    except CommandError as error:
        raise CommandError(
            f"{error}, to running {job}: --project and --region say where it is; "
            "running it needs cloudscheduler.jobs.run"
        ) from None
