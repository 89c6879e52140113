"""Google's credentials for what is not one of its clients."""

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def authorized_session() -> requests.Session:
    """A session that signs requests as the account of this process, and renews its token itself."""
    credentials, _ = google.auth.default(scopes=[_SCOPE])
    return AuthorizedSession(credentials)
