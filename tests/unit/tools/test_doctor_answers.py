"""What the doctor makes of the services' own answers: a view that was changed, a resource that is gone."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from requests.adapters import BaseAdapter

from shared.topology import FUNCTIONS
from tools.doctor.cloud import Cloud
from tools.doctor.findings import Verdict
from tools.doctor.tables import check_views
from tools.pipeline.deployment import Deployment
from tools.pipeline.warehouse import Warehouse, view_definitions


@contextmanager
def bigquery(views: Mapping[str, str]) -> Iterator[str]:
    """BigQuery's REST API with these views, as far as describing them; its URL."""

    class Tables(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("?")[0].rsplit("/", 1)[1]
            status, answer = 404, b'{"error": {"code": 404, "message": "Not found"}}'
            if name in views:
                table = {"projectId": "project", "datasetId": "dataset", "tableId": name}
                body = {"tableReference": table, "type": "VIEW", "view": {"query": views[name]}}
                status, answer = 200, json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Tables) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_view_is_wrong_when_its_sql_was_changed_or_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = dict(view_definitions("project", "dataset"))
    laid_out_otherwise, changed, gone = sorted(deployed)[:3]
    deployed[laid_out_otherwise] = f"-- a comment\n{deployed[laid_out_otherwise]};\n\n"
    deployed[changed] = deployed[changed].replace("SELECT", "SELECT DISTINCT")
    del deployed[gone]
    with bigquery(deployed) as url:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", url)
        findings = list(
            check_views(Warehouse("project", "dataset"), "project", "dataset", "apply", probe=False)
        )
    wrong = {finding.check: finding.detail for finding in findings if finding.verdict is Verdict.WRONG}
    assert wrong == {
        f"view {changed}": f"its SQL differs from terraform/views/{changed}.sql",
        f"view {gone}": "it does not exist",
    }
    assert len(findings) == len(deployed) + 1


class Answers(BaseAdapter):
    """Every one of Google's APIs answers with this status, but for what is `there`."""

    def __init__(self, status: int, there: str | None = None) -> None:
        super().__init__()
        self._status = status
        self._there = there

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        answer = requests.Response()
        is_there = self._there is not None and (request.url or "").endswith(self._there)
        answer.status_code, answer.url = 200 if is_there else self._status, request.url or ""
        answer._content = b'{"error": {"message": "the reason"}}'
        return answer

    def close(self) -> None:
        """Holds nothing."""


@pytest.mark.parametrize(
    ("status", "verdict", "detail"),
    [
        (404, Verdict.WRONG, "it does not exist"),
        (403, Verdict.UNKNOWN, "Google answers 403: the reason"),
        (500, Verdict.UNKNOWN, "Google answers 500: the reason"),
    ],
)
def test_what_is_not_found_is_wrong_and_what_may_not_be_seen_is_unknown(
    status: int, verdict: Verdict, detail: str
) -> None:
    cloud = Cloud(Deployment(project="p"), AnonymousCredentials(), "terraform apply")
    cloud._rest._session.mount("https://", Answers(status))
    findings = list(cloud.functions())
    assert [(finding.verdict, finding.detail) for finding in findings[: len(FUNCTIONS)]] == [
        (verdict, detail)
    ] * len(FUNCTIONS)
    pools = [(finding.check, finding.verdict) for finding in findings[len(FUNCTIONS) :]]
    assert pools == ([] if status == 404 else [("worker pools", Verdict.UNKNOWN)])
    assert set(cloud.pulled()) == set()


def test_a_stage_pulls_where_its_worker_pool_is_there() -> None:
    cloud = Cloud(Deployment(project="p"), AnonymousCredentials(), "terraform apply")
    pool = "projects/p/locations/europe-west2/workerPools/cqc-features-pull"
    cloud._rest._session.mount("https://", Answers(404, there=pool))
    assert set(cloud.pulled()) == {"features"}
    assert [finding.check for finding in cloud.functions()][-1] == "worker pool of features"
