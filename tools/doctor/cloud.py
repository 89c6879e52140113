"""Google's REST APIs, for the checks that only a deployment allows; `deployed` judges the answers."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from google.auth.credentials import Credentials

from shared.topology import FUNCTIONS, SUBSCRIPTIONS
from shared.windows.bucket_documents import STATE
from shared.windows.log import COLLECTION as LOG
from tools.doctor import deployed
from tools.doctor.findings import Finding, unknown, wrong
from tools.errors import CommandError
from tools.generate.package import content_hash, files
from tools.pipeline import google_rest
from tools.pipeline.deployment import Deployment
from tools.pipeline.google_rest import GoogleRest, Json
from tools.pipeline.worker_pools import read_pools

Judge = Callable[[Json], Finding]


class Cloud:
    """One deployment, seen through Google's APIs."""

    def __init__(self, deployment: Deployment, credentials: Credentials, terraform: str) -> None:
        self._deployment = deployment
        self._rest = GoogleRest(google_rest.authorized(credentials))
        self._terraform = terraform

    def urls(self) -> Mapping[str, str]:
        """The URLs of the functions that can be seen, by name."""
        answers = {name: self._rest.get(self._function(name))[1] for name in FUNCTIONS}
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
        try:
            pools = read_pools(self._rest, self._deployment)
        except CommandError as error:
            yield unknown("worker pools", f"whether a stage pulls can't be learned: {error}")
            return
        for name, pool in pools.items():
            yield deployed.worker_pool(name, content_hash(files(name)), self._terraform, pool)

    def pulled(self) -> Collection[str]:
        """The stages that are seen to pull; where that can't be learned, `functions` says so."""
        try:
            return read_pools(self._rest, self._deployment)
        except CommandError:
            return ()

    def forwarding(self) -> Iterator[Finding]:
        """The roles of Pub/Sub's own service agent, without which it forwards no dead letters."""
        project = self._deployment.project
        status, answer = self._rest.get(f"https://cloudresourcemanager.googleapis.com/v1/projects/{project}")
        if status != 200:
            yield unknown("dead-letter IAM", f"project {project} can't be read ({status})")
            return
        agent = f"serviceAccount:service-{answer['projectNumber']}@gcp-sa-pubsub.iam.gserviceaccount.com"
        topic = self._deployment.topics["dead_letter"]
        roles = [("publisher", topic)]
        forwarding = (SUBSCRIPTIONS["parse"], SUBSCRIPTIONS["features"])
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

    def _function(self, name: str) -> str:
        place = f"projects/{self._deployment.project}/locations/{self._deployment.region}"
        return f"https://cloudfunctions.googleapis.com/v2/{place}/functions/{self._deployment.name_prefix}-{name}"

    def _judge(self, check: str, url: str, judge: Judge) -> Finding:
        status, answer = self._rest.get(url)
        if status == 200:
            return judge(answer)
        if status == 404:
            return wrong(check, "it does not exist", self._terraform)
        return unknown(
            check, f"Google answers {status}: {answer.get('error', {}).get('message', 'no reason')}"
        )
