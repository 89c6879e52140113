"""Spans go to Google with its credentials, and to a collector without."""

import pytest
import requests

from shared.telemetry import tracing


@pytest.mark.parametrize(
    ("endpoint", "sessions"),
    [
        ("https://telemetry.googleapis.com", 1),
        ("http://localhost:4318", 0),
        ("https://telemetry.googleapis.com.example.org", 0),
    ],
)
def test_only_googles_own_endpoint_gets_googles_credentials(endpoint: str, sessions: int) -> None:
    made: list[requests.Session] = []

    def session() -> requests.Session:
        made.append(requests.Session())
        return made[-1]

    tracing.configure("parse", endpoint, session)
    tracing.configure("parse", None, session)
    assert len(made) == sessions
