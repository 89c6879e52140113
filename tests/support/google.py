"""Google's REST APIs with given answers, and entries of Cloud Logging."""

import requests
from requests.adapters import BaseAdapter

from tools.pipeline.google_rest import GoogleRest, Json


class Google(BaseAdapter):
    """Answers the requests with these bodies, and all later ones with the last."""

    def __init__(self, status: int, *answers: bytes) -> None:
        super().__init__()
        self.status, self.answers = status, answers
        self.urls: list[str] = []
        self.bodies: list[bytes] = []

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        self.urls.append(str(request.url))
        self.bodies.append(request.body if isinstance(request.body, bytes) else b"")
        answer = requests.Response()
        place = min(len(self.urls), len(self.answers)) - 1
        answer.status_code, answer._content = self.status, self.answers[place]
        return answer

    def close(self) -> None:
        """Holds nothing."""


def rest(google: Google) -> GoogleRest:
    session = requests.Session()
    session.mount("https://", google)
    return GoogleRest(session)


PUSHED: Json = {"service_name": "cqc-parse"}
PULLED: Json = {"worker_pool_name": "cqc-features-pull"}
"""The labels of what wrote an entry: the function, or the worker pool of one that pulls."""


def entry(event: str, instance: str, minute: int, by: Json = PUSHED, **line: object) -> Json:
    return {
        "timestamp": f"2026-01-31T11:{minute:02d}:00.123456789Z",
        "labels": {"instanceId": instance},
        "resource": {"labels": by},
        "jsonPayload": {"event": event, **line},
    }
