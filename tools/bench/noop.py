"""The baseline: a function on the same server that only reads its request."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response


@functions_framework.aio.http
async def noop(request: Request) -> Response:
    """Costs what the server itself costs."""
    await request.body()
    return Response(status_code=204)
