"""aiohttp.web: python aiohttp_app.py, on the port in PORT."""

import os
from collections.abc import AsyncIterator

from aiohttp import web
from answers import (
    GRACE,
    Backend,
    health_of,
    is_operator,
    open_backend,
    place,
    show,
)

BACKEND = web.AppKey("backend", Backend)


async def with_backend(app: web.Application) -> AsyncIterator[None]:
    """Open the backend with the server, and close it last."""
    async with open_backend() as app[BACKEND]:
        yield


async def make_call(request: web.Request) -> web.Response:
    """Make a call, once."""
    try:
        asked = await request.json()
    except ValueError:
        asked = None
    status, body, headers = await place(request.app[BACKEND], asked)
    return web.json_response(body, status=status, headers=headers)


async def show_call(request: web.Request) -> web.Response:
    """Show what became of a contact."""
    status, body = show(request.app[BACKEND], request.match_info["contact"])
    return web.json_response(body, status=status)


async def show_health(request: web.Request) -> web.Response:
    """Show whether calls can be made."""
    status, body = health_of(request.app[BACKEND])
    return web.json_response(body, status=status)


async def resume(request: web.Request) -> web.Response:
    """End a pause."""
    if not is_operator(request.headers.get("Authorization")):
        raise web.HTTPUnauthorized
    request.app[BACKEND].client.resume()
    return web.Response(status=204)


def build_app() -> web.Application:
    """Return the application."""
    app = web.Application()
    app.cleanup_ctx.append(with_backend)
    app.router.add_post("/calls", make_call)
    app.router.add_get("/calls/{contact}", show_call)
    app.router.add_get("/health", show_health)
    app.router.add_post("/resume", resume)
    return app


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    web.run_app(build_app(), host="127.0.0.1", port=port, shutdown_timeout=GRACE)
