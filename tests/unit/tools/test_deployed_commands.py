"""Every command that works on a pipeline works on a deployed one, as far as that shows without an account."""

import json

import pytest
import requests
from requests.adapters import BaseAdapter
from typer.main import get_group

from tests.support.command_line import Invoke
from tools.__main__ import app
from tools.errors import CommandError
from tools.paths import ROOT
from tools.pipeline import schedule
from tools.pipeline.deployment import Deployment
from tools.pipeline.google_rest import GoogleRest

COMMANDS = get_group(app).commands
ARGUMENTS = {
    "publish": ("-",),
    "query": ("SELECT 1",),
    "features": ("1-1",),
    "replay": ("--errors", "--to", "topic"),
    "explain": ("e",),
    "heal-online": ("--from", "2h", "--to", "1h"),
}
LOCAL = {"kill", "restart", "pause", "resume"}
"""Their --chain is one that runs on this machine."""
ON_A_PIPELINE = [
    name
    for name, command in COMMANDS.items()
    if name not in LOCAL and any("--chain" in option.opts for option in command.params)
]


def test_every_command_on_a_pipeline_takes_the_same_options_for_it() -> None:
    expected = {"--chain", "--project", "--region", "--dataset"}
    for name in ON_A_PIPELINE:
        options = {word for option in COMMANDS[name].params for word in option.opts}
        assert expected <= options, name
    assert set(COMMANDS) - set(ON_A_PIPELINE) == {"up", "sample", "validate", "cost"} | LOCAL


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_a_deployments_functions_get_no_signals(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CQC_PROJECT", "my-project")
    answer = invoke(name, "features")
    assert "this works on the parts of a chain that `cqc up` runs on this machine" in answer.err
    assert answer.code == 2


@pytest.mark.parametrize("name", [name for name in ON_A_PIPELINE if name != "trace"])
def test_missing_credentials_are_answered_with_the_command_that_gets_them(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    answer = invoke(name, *ARGUMENTS.get(name, ()), "--project", "my-project")
    assert "there are no Google credentials for project my-project: run `gcloud auth" in answer.err
    assert answer.code == 2


def test_a_deployments_traces_are_looked_up_in_cloud_trace(invoke: Invoke) -> None:
    answer = invoke("trace", "latest", "--project", "my-project")
    assert "https://console.cloud.google.com/traces/explorer?project=my-project" in answer.err
    assert answer.code == 2


class Scheduler(BaseAdapter):
    """Answers as Cloud Scheduler's REST API does."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__()
        self.status, self.body = status, body
        self.called: list[str] = []

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        self.called.append(f"{request.method} {request.url}")
        answer = requests.Response()
        answer.status_code, answer._content = self.status, json.dumps(self.body).encode()
        return answer

    def close(self) -> None:
        """Holds nothing."""


def run_now(scheduler: Scheduler) -> None:
    with requests.Session() as session:
        session.mount("https://", scheduler)
        (job,) = schedule.jobs_of(Deployment(project="p", region="r", name_prefix="care"))
        schedule.run_now(job, GoogleRest(session))


def test_the_flush_of_a_deployment_is_called_through_its_schedule() -> None:
    scheduler = Scheduler(200, {})
    run_now(scheduler)
    url = "https://cloudscheduler.googleapis.com/v1/projects/p/locations/r/jobs/care-flush:run"
    assert scheduler.called == [f"POST {url}"]


def test_a_refused_flush_is_answered_with_googles_reason() -> None:
    refusal = {"error": {"message": "The caller does not have permission"}}
    with pytest.raises(
        CommandError, match=r"403: The caller does not have permission, to running .*care-flush"
    ):
        run_now(Scheduler(403, refusal))


def test_each_shard_of_the_flush_has_a_job_with_the_name_that_terraform_gives_it() -> None:
    jobs = schedule.jobs_of(Deployment(project="p", flush_shards=2))
    assert [job.rsplit("/", 1)[1] for job in jobs] == ["cqc-flush-0", "cqc-flush-1"]
    text = (ROOT / "terraform" / "functions.tf").read_text()
    assert '"${var.name_prefix}-flush" : "${var.name_prefix}-flush-${count.index}"' in text
