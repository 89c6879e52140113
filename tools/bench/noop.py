"""The measure of all things: a function of the same server that does nothing but read its request."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response


@functions_framework.aio.http
async def noop(request: Request) -> Response:
    """What the server costs by itself."""
    await request.body()
    return Response(status_code=204)
