"""The worker pools of a deployment: what runs a stage that pulls (docs/decisions/0012)."""

from collections.abc import Mapping

from shared.topology import PUSHED
from tools.pipeline.deployment import Deployment
from tools.pipeline.google_rest import GoogleRest, Json, found

HOST = "run.googleapis.com"
SUFFIX = "-pull"
"""Of a pool's name, after that of its function."""


def read_pools(rest: GoogleRest, deployment: Deployment) -> Mapping[str, Json]:
    """By stage: these pull. Raises CommandError where Google does not say whether one is there."""
    answers = {name: rest.get(_url(deployment, name)) for name in PUSHED}
    return {name: found(HOST, *answer) for name, answer in answers.items() if answer[0] != 404}


def _url(deployment: Deployment, stage: str) -> str:
    place = f"projects/{deployment.project}/locations/{deployment.region}"
    return f"https://{HOST}/v2/{place}/workerPools/{deployment.name_prefix}-{stage}{SUFFIX}"
