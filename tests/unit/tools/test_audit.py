"""The audit of packages, with a PyPI of its own whose answers may be anything."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.audit import __main__ as command
from tools.audit import advisories
from tools.audit.accepted import Acceptance, judge, read
from tools.audit.advisories import Finding, Unknown, findings_in, look_up
from tools.audit.packages import Package, installed, normalised, pinned, used_by
from tools.errors import ProblemsFound, UsageError

TODAY = date(2030, 3, 1)
SHOP, BOAT = Package("shop", "1.0"), Package("boat", "2.0")
HOLE = {"id": "PYSEC-2030-1", "aliases": ["CVE-2030-1"], "fixed_in": ["1.1"], "details": "A hole."}
Answer = Callable[[BaseHTTPRequestHandler], None]


def says(body: object, status: int = 200) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.end_headers()
        request.wfile.write(data)

    return answer


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


@contextmanager
def pypi(answers: Mapping[str, Answer], otherwise: Answer) -> Iterator[str]:
    """Its address; `answers` by "name/version"."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.get(self.path.removeprefix("/pypi/").removesuffix("/json"), otherwise)(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


CLEAN = says({"vulnerabilities": []})


def test_a_requirements_file_is_its_pins() -> None:
    text = "# made\nShop.Tools[extra]==1.0 \\\n    --hash=sha256:aa\nboat==2.0; python_version < '4'\n"
    assert pinned(text, "r.txt") == {Package("shop-tools", "1.0"), BOAT}
    with pytest.raises(UsageError, match=r"r\.txt: 'boat>=2' pins no release"):
        pinned("boat>=2", "r.txt")


def test_every_pin_of_the_functions_and_the_tools_is_audited_and_this_project_is_not() -> None:
    users = used_by(command._groups())
    groups = {group for names in users.values() for group in names}
    assert groups == {"parse", "features", "aggregate", "deadletter", "tools"}
    names = {package.name for package in users}
    assert names >= {"pydantic", "functions-framework", "google-cloud-bigquery-storage", "pytest"}
    assert "cqc-feature-pipeline" not in names
    assert all(name == normalised(name) for name in names)
    assert installed() <= users.keys()


def test_findings_are_those_that_pypi_names_and_has_not_withdrawn() -> None:
    withdrawn = HOLE | {"id": "PYSEC-2030-2", "withdrawn": "2030-01-01"}
    with pypi({"shop/1.0": says({"vulnerabilities": [HOLE, withdrawn]})}, CLEAN) as url:
        answers = look_up([SHOP, BOAT], url)
    assert answers.findings == [Finding(SHOP, "PYSEC-2030-1", ("CVE-2030-1",), ("1.1",), "A hole.")]
    assert answers.unknown == {}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says({}, 404), "answers 404"),
        (says({}, 500), "answers 500"),
        (hangs_up, "does not answer"),
        (says(b"<html>"), "is not JSON"),
        (says(b"\xff\xfe"), "is not JSON"),
        (says(b"[" * 100_000), "is not JSON"),
        (says([]), "no list of vulnerabilities"),
        (says({"info": {}}), "no list of vulnerabilities"),
        (says({"vulnerabilities": {"id": "x"}}), "no list of vulnerabilities"),
        (says({"vulnerabilities": ["x"]}), "no list of vulnerabilities"),
        (says({"vulnerabilities": [{"id": 7}]}), "without an id"),
        (says({"vulnerabilities": [{}]}), "without an id"),
    ],
)
def test_what_is_not_an_answer_is_never_taken_for_none_found(answer: Answer, why: str) -> None:
    with pypi({"shop/1.0": answer}, CLEAN) as url:
        answers = look_up([SHOP, BOAT], url)
    assert answers.unknown.keys() == {SHOP}
    assert why in str(answers.unknown[SHOP])


def test_an_answer_that_is_too_large_or_never_comes_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(advisories, "SECONDS", 0.2)
    monkeypatch.setattr(advisories, "MAX_BYTES", 1_000)

    def silent(_: BaseHTTPRequestHandler) -> None:
        over.wait(20)

    with pypi({"shop/1.0": says(b" " * 1_001), "boat/2.0": silent}, CLEAN) as url:
        later = look_up([Package("a", "1"), SHOP, BOAT], url)
        over.set()
    assert later.unknown.keys() == {SHOP, BOAT}


def test_where_nobody_answers_only_one_release_is_asked_for() -> None:
    answers = look_up([SHOP, BOAT], "http://127.0.0.1:9")
    assert answers.unknown.keys() == {SHOP, BOAT}
    assert len(set(map(id, answers.unknown.values()))) == 1


def test_texts_of_a_finding_are_short_and_obeyed_by_no_terminal() -> None:
    hole = HOLE | {"id": "P\x1b[31m", "aliases": ["a\nb", 7], "fixed_in": None, "details": "x\r\x07" * 9_999}
    (finding,) = findings_in(json.dumps({"vulnerabilities": [hole]}).encode(), SHOP)
    assert (finding.id, finding.aliases, finding.fixed_in) == ("P?[31m", ("a b",), ())
    assert finding.summary.isprintable()
    assert len(finding.summary) <= 160
    with pytest.raises(Unknown):
        findings_in(b"{}", SHOP)


def found(id: str = "PYSEC-2030-1") -> Finding:
    return Finding(SHOP, id, ("CVE-2030-1",), (), "")


@pytest.mark.parametrize(
    ("entry", "today", "is_accepted"),
    [
        (Acceptance("shop", "PYSEC-2030-1", "r", TODAY), TODAY, True),
        (Acceptance("Shop", "CVE-2030-1", "r", TODAY), TODAY, True),
        (Acceptance("shop", "PYSEC-2030-1", "r", TODAY), date(2030, 3, 2), False),
        (Acceptance("boat", "PYSEC-2030-1", "r", TODAY), TODAY, False),
        (Acceptance("shop", "PYSEC-2030-9", "r", TODAY), TODAY, False),
    ],
    ids=["by id", "by alias, on the last day", "a day later", "another package", "another finding"],
)
def test_a_finding_is_accepted_until_its_end_date(entry: Acceptance, today: date, is_accepted: bool) -> None:
    judgement = judge([found()], [entry], today)
    assert (judgement.open == []) is is_accepted
    assert bool(judgement.accepted) is is_accepted
    assert bool(judgement.ended) is (today > TODAY)
    assert bool(judgement.unused) is not entry.is_of(found())


def test_of_two_acceptances_the_one_that_still_counts_is_taken() -> None:
    old, new = (
        Acceptance("shop", "PYSEC-2030-1", "r", until) for until in (date(2030, 1, 1), date(2030, 4, 1))
    )
    judgement = judge([found()], [old, new], TODAY)
    assert [acceptance for _, acceptance in judgement.accepted] == [new]


GOOD = '[[accepted]]\npackage = "shop"\nid = "PYSEC-2030-1"\nreason = "r"\nuntil = 2030-03-01\n'


def test_the_file_of_acceptances_is_read_and_the_projects_own_can_be() -> None:
    assert read(GOOD, TODAY, "f") == [Acceptance("shop", "PYSEC-2030-1", "r", TODAY)]
    assert read("", TODAY, "f") == []
    long_after = date(9000, 1, 1)
    assert isinstance(read(command.ACCEPTED.read_text(), long_after, "f"), list)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[accepted]", "is not TOML"),
        ("x = 1", "nothing but"),
        ("accepted = 1", "nothing but"),
        ("accepted = [1]", "entry 1: it needs package, id, reason, until"),
        (GOOD.replace('reason = "r"\n', ""), "it needs package, id, reason, until"),
        (GOOD.replace('"r"', '""'), "reason must be a text"),
        (GOOD.replace("2030-03-01", '"2030-03-01"'), "until must be a date without quotes"),
        (GOOD.replace("2030-03-01", "2030-03-01T00:00:00Z"), "until must be a date without quotes"),
        (GOOD.replace("2030-03-01", "2030-09-01"), "until 2030-09-01 is too far ahead: 2030-08-31"),
        (GOOD + "more = 1\n", "it needs package, id, reason, until, and nothing else"),
    ],
)
def test_a_wrong_acceptance_is_misuse_and_the_sentence_says_of_what(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read(text, TODAY, "f")


@pytest.fixture
def two_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_groups", lambda: {"parse": {SHOP}, "tools": {SHOP, BOAT}})


HOLED = says({"vulnerabilities": [HOLE]})


@pytest.mark.usefixtures("two_packages")
@pytest.mark.parametrize(
    ("answers", "options", "code", "said"),
    [
        ({}, (), 0, "No open vulnerability is known in 2 releases; 0 are accepted."),
        ({"shop/1.0": HOLED}, (), 1, "1 vulnerability is known: raise the version"),
        ({"shop/1.0": HOLED}, ("--where-reachable",), 1, "1 vulnerability is known"),
        ({"boat/2.0": says({}, 404)}, (), 2, "nothing is known of boat 2.0, as http"),
        ({"boat/2.0": says({}, 404)}, ("--where-reachable",), 2, "nothing is known of boat 2.0, as http"),
        ({"shop/1.0": HOLED, "boat/2.0": says({}, 404)}, (), 1, "1 vulnerability is known"),
        ({"shop/1.0": says({}, 503), "boat/2.0": says({}, 404)}, (), 2, "boat 2.0 and 1 more, as http"),
        (
            {"shop/1.0": says({}, 503), "boat/2.0": says({}, 404)},
            ("--where-reachable",),
            0,
            "NOT CHECKED: nothing is known of boat 2.0 and 1 more",
        ),
    ],
)
def test_the_exit_code_is_0_for_none_1_for_some_and_2_where_nobody_knows(
    answers: Mapping[str, Answer],
    options: tuple[str, ...],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pypi(answers, CLEAN) as url:
        assert command.main(["--url", url, *options]) == code
    heard = capsys.readouterr()
    assert said in " ".join((heard.out + heard.err).split())
    assert ("PYSEC-2030-1" in heard.out) is (code == 1)


@pytest.mark.usefixtures("two_packages")
def test_an_accepted_finding_passes_and_is_shown_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(GOOD.replace('"r"', '"not used"'))
    with pypi({"shop/1.0": HOLED}, CLEAN) as url:
        command.audit(url, TODAY, file)
        with pytest.raises(ProblemsFound):
            command.audit(url, date(2030, 3, 2), file)
        with pytest.raises(UsageError, match="may be empty, but not missing"):
            command.audit(url, TODAY, tmp_path / "missing.toml")
    shown = " ".join(capsys.readouterr().out.split())
    assert "accepted until 2030-03-01: PYSEC-2030-1 in shop 1.0: not used" in shown
