"""Answers pushes in front of the framework's middlewares and router, which cost more than a push's own work.

docs/decisions/0010 has the figures.

functions-framework makes a Starlette application for a function and offers no place in front of it. Starlette
keeps what a request goes through in its public `middleware_stack`; the first request puts this there.
"""

from collections.abc import Awaitable, Callable

from functions_framework.aio import ExceptionHandlerMiddleware
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Answer = Callable[[Scope, Receive], Awaitable[Response]]


class DirectPosts:
    """POSTs, on any path as in the framework's routes, to `answer`; everything else to the application.

    What `answer` raises ends as the framework ends it: a traceback in the log and its 500.
    """

    def __init__(self, answer: Answer, application: ASGIApp) -> None:
        self._answer = answer
        self._application = application
        self._post: ASGIApp = ExceptionHandlerMiddleware(self._respond)  # type: ignore[no-untyped-call]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's start and end."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        await (self._post if is_post else self._application)(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        await response(scope, receive, send)


def answer_posts_directly(application: Starlette | None, answer: Answer) -> None:
    """From the next request on; a second call changes nothing. None: no application is around the handler."""
    if application is None or isinstance(application.middleware_stack, DirectPosts):
        return
    application.middleware_stack = DirectPosts(
        answer, application.middleware_stack or application.build_middleware_stack()
    )
