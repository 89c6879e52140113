"""Google's REST APIs, for the checks that only a deployment allows; `deployed` judges the answers."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from shared.topology import FUNCTIONS, PUSHED, subscription_name
from shared.windows.bucket_documents import STATE
from shared.windows.log import COLLECTION as LOG
from tools.doctor import deployed
from tools.doctor.deployed import Json
from tools.doctor.findings import Finding, unknown, wrong
from tools.errors import CommandError
from tools.generate.package import content_hash, files
from tools.pipeline.deployment import Deployment

TIMEOUT = 20.0
NAME_PREFIX = "cqc"
"""Terraform's default `name_prefix`."""
PUSH_SUBSCRIPTIONS = {function: subscription_name(topic, function) for function, topic in PUSHED.items()}
"""Function to the name of the subscription that pushes to it."""
_AGE = 'metric.type="pubsub.googleapis.com/subscription/oldest_unacked_message_age"'

Judge = Callable[[Json], Finding]


class Cloud:
    """One deployment, seen through Google's APIs."""

    def __init__(self, deployment: Deployment, credentials: Credentials) -> None:
        self._deployment = deployment
        self._session = AuthorizedSession(credentials)
        self._terraform = f"terraform -chdir=terraform apply -var project_id={deployment.project}"

    def urls(self) -> Mapping[str, str]:
        """The URLs of the functions that can be seen, by name."""
        answers = {name: self._get(self._function(name))[1] for name in FUNCTIONS}
        found = {name: answer.get("serviceConfig", {}).get("uri", "") for name, answer in answers.items()}
        return {name: url for name, url in found.items() if url}

    def functions(self) -> Iterator[Finding]:
        for name in FUNCTIONS:
            expected = content_hash(files(name))
            yield self._judge(
                f"function {name}",
                self._function(name),
                partial(deployed.function, name, expected, self._terraform),
            )

    def forwarding(self) -> Iterator[Finding]:
        """The roles of Pub/Sub's own service agent, without which it forwards no dead letters."""
        project = self._deployment.project
        status, answer = self._get(f"https://cloudresourcemanager.googleapis.com/v1/projects/{project}")
        if status != 200:
            yield unknown("dead-letter IAM", f"project {project} can't be read ({status})")
            return
        agent = f"serviceAccount:service-{answer['projectNumber']}@gcp-sa-pubsub.iam.gserviceaccount.com"
        topic = self._deployment.topics["dead_letter"]
        roles = [("publisher", topic)]
        forwarding = (PUSH_SUBSCRIPTIONS["parse"], PUSH_SUBSCRIPTIONS["features"])
        roles += [("subscriber", f"projects/{project}/subscriptions/{name}") for name in forwarding]
        for role, resource in roles:
            kind, name = resource.split("/")[2:]
            check = f"dead-letter IAM of {name}"
            fix = (
                f"gcloud pubsub {kind} add-iam-policy-binding {name} --project {project} "
                f"--member {agent} --role roles/pubsub.{role}"
            )
            yield self._judge(
                check,
                f"https://pubsub.googleapis.com/v1/{resource}:getIamPolicy",
                partial(deployed.binding, check, f"roles/pubsub.{role}", agent, fix),
            )

    def time_to_live(self) -> Iterator[Finding]:
        project, database = self._deployment.project, self._deployment.firestore_database
        groups = (
            f"https://firestore.googleapis.com/v1/projects/{project}/databases/{database}/collectionGroups"
        )
        for collection in (LOG, STATE):
            fix = (
                f"gcloud firestore fields ttls update expire_at --collection-group={collection} "
                f"--enable-ttl --project {project} --database='{database}'"
            )
            yield self._judge(
                f"Firestore TTL of {collection}",
                f"{groups}/{collection}/fields/expire_at",
                partial(deployed.time_to_live, collection, fix),
            )

    def backlogs(self, now: datetime) -> Iterator[Finding]:
        project = self._deployment.project
        for function, name in PUSH_SUBSCRIPTIONS.items():
            parameters = {
                "filter": f'{_AGE} AND resource.labels.subscription_id="{name}"',
                "interval.startTime": (now - timedelta(minutes=10)).isoformat(),
                "interval.endTime": now.isoformat(),
            }
            query = "&".join(f"{key}={quote(value)}" for key, value in parameters.items())
            fix = f"gcloud functions logs read {NAME_PREFIX}-{function} --project {project} "
            fix += f"--region {self._deployment.region} --min-log-level error"
            yield self._judge(
                f"backlog of {name}",
                f"https://monitoring.googleapis.com/v3/projects/{project}/timeSeries?{query}",
                partial(deployed.backlog, name, fix),
            )

    def _function(self, name: str) -> str:
        place = f"projects/{self._deployment.project}/locations/{self._deployment.region}"
        return f"https://cloudfunctions.googleapis.com/v2/{place}/functions/{NAME_PREFIX}-{name}"

    def _judge(self, check: str, url: str, judge: Judge) -> Finding:
        status, answer = self._get(url)
        if status == 200:
            return judge(answer)
        if status == 404:
            return wrong(check, "it does not exist", self._terraform)
        return unknown(
            check, f"Google answers {status}: {answer.get('error', {}).get('message', 'no reason')}"
        )

    def _get(self, url: str) -> tuple[int, Json]:
        """The answer's status and JSON; raises CommandError when there is no answer."""
        host = url.split("/")[2]
        try:
            response = self._session.get(url, timeout=TIMEOUT)
            answer = response.json()
        except (RequestException, GoogleAuthError, ValueError) as error:
            raise CommandError(f"{host} did not answer: {error}") from None
        return response.status_code, answer if isinstance(answer, dict) else {}
