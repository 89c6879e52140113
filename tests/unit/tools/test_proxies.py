"""A proxy, as many companies have one, is asked for nothing on this machine."""

import os
from urllib.request import proxy_bypass

import pytest
from requests.utils import should_bypass_proxies

from tools.proxies import keep_loopback_direct

SERVICE, ELSEWHERE = "http://127.0.0.1:8600", "http://example.com"


@pytest.fixture(autouse=True)
def behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("NO_PROXY", raising=False)


def bypassed(url: str) -> bool:
    by_requests = bool(should_bypass_proxies(url, no_proxy=None))
    assert by_requests == bool(proxy_bypass(url.removeprefix("http://")))
    return by_requests


def test_a_service_on_loopback_is_called_directly_and_all_else_through_the_proxy() -> None:
    assert not bypassed(SERVICE)
    keep_loopback_direct()
    assert bypassed(SERVICE)
    assert bypassed("http://localhost:8080")
    assert not bypassed(ELSEWHERE)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_what_is_excepted_already_stays_so_and_a_second_call_adds_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "example.com")
    keep_loopback_direct()
    once = os.environ["no_proxy"]
    keep_loopback_direct()
    assert os.environ["no_proxy"] == once == "example.com,127.0.0.1,localhost"
    assert bypassed(ELSEWHERE)


def test_no_proxy_for_anything_stays_none_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    keep_loopback_direct()
    assert os.environ["no_proxy"] == "*"
