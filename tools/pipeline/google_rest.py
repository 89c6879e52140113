"""Google's REST APIs with the application default credentials: a status and JSON, or a sentence."""

from collections.abc import Mapping
from typing import Any

from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException, Session

from tools.errors import CommandError

TIMEOUT = 8.0
Json = Mapping[str, Any]
"""An answer's object."""


def authorized(credentials: Credentials) -> Session:
    """A session whose requests carry these credentials."""
    return AuthorizedSession(credentials)


class GoogleRest:
    """The APIs through one session."""

    def __init__(self, session: Session, timeout: float = TIMEOUT) -> None:
        self._session = session
        self._timeout = timeout

    def get(self, url: str) -> tuple[int, Json]:
        """The answer's status and JSON, {} for anything but an object; raises CommandError without one."""
        return self._send("GET", url, None)

    def post(self, url: str, body: Json) -> tuple[int, Json]:
        """The same for a request with a body."""
        return self._send("POST", url, body)

    def _send(self, method: str, url: str, body: Json | None) -> tuple[int, Json]:
        host = url.split("/")[2]
        try:
            response = self._session.request(method, url, json=body, timeout=self._timeout)
            answer = response.json()
        except (RequestException, GoogleAuthError, ValueError) as error:
            raise CommandError(f"{host} did not answer: {error}") from None
        return response.status_code, answer if isinstance(answer, dict) else {}


def found(host: str, status: int, answer: Json) -> Json:
    """The answer of a request that succeeded; raises CommandError with Google's reason for another."""
    if status == 200:
        return answer
    error = answer.get("error")
    reason = error.get("message", "no reason") if isinstance(error, dict) else "no reason"
    raise CommandError(f"{host} answers {status}: {reason}")
