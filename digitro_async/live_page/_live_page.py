"""LivePage: serves the page, its events, and takes orders with the token."""

import asyncio
import contextlib
import errno
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from digitro_async._common.text import printable, words_of_os_error
from digitro_async.errors import ConfigurationError, DigitroError
from digitro_async.live_page._event_hub import EventHub
from digitro_async.live_page._page_assets import PAGE_HEADERS, asset
from digitro_async.live_page._page_place import PagePlace
from digitro_async.live_page._page_sources import PageFacts, TakeOrder, read_order
from digitro_async.live_page._page_token import is_token
from digitro_async.live_page._view_process import ViewProcess
from digitro_async.observe import LOGGER
from digitro_async.privacy import Secret

__all__ = ["LivePage"]

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN_HEADER: Final = "X-Digitro-Token"  # noqa: S105 - its name

_ONCE: Final = ("Origin", "Sec-Fetch-Site", TOKEN_HEADER, "Content-Type")
"""Headers by which it is decided whether somebody may do something."""

_MOST_BROWSERS: Final = 32
_MOST_CONNECTIONS: Final = 128
"""Whoever dials needs files and sockets for itself."""

_LONGEST_ORDER: Final = 4_096
_SLOWEST: Final = 10.0
"""Most seconds until a browser takes what is sent to it, or is left alone."""

_SILENT = logging.getLogger("digitro_async.live_page.requests")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # requests that make no sense, and browsers that leave


class LivePage:
    """Serves a page while its block runs.

    Args:
        place: Where.
        facts: What goes on.
        views: Reads the ledger; None where none is shown.
        obey: Obeys orders; None where none are taken.
        token: Without it no order is taken.

    Attributes:
        url: Where the page is, once it is entered.

    Raises:
        ConfigurationError: On entering, if it can't be served there.
    """

    def __init__(
        self,
        place: PagePlace,
        facts: PageFacts,
        views: ViewProcess | None,
        *,
        obey: TakeOrder | None = None,
        token: Secret | None = None,
    ) -> None:
        self._place = place
        self._hub = EventHub(facts, views)
        self._obey, self._token = obey, token
        self.url: str = ""
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._streams: set[asyncio.Task[object]] = set()
        self._obeying = asyncio.Lock()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LONGEST_ORDER, middlewares=[self._guard])
        app.router.add_get("/", self._page)
        app.router.add_get("/live.css", self._page)
        app.router.add_get("/live.js", self._page)
        app.router.add_get("/events", self._events, allow_head=False)
        app.router.add_post("/orders", self._order)
        app.on_response_prepare.append(_prepare)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_SILENT,
            handler_cancellation=True,
            shutdown_timeout=0.5,
            keepalive_timeout=15,
            max_line_size=2_048,
            max_field_size=4_096,
        )
        await self._runner.setup()
        try:
            await self._listen(self._runner)
            await self._hub.__aenter__()
        except BaseException:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        streams = list(self._streams)
        for task in streams:
            task.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        await self._hub.__aexit__(kind, error, traceback)
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        host, problem, port = self._place.host, "", self._place.port
        server = runner.server
        assert server is not None  # noqa: S101 - for the type checker

        def connected() -> asyncio.BaseProtocol:
            is_full = len(server.connections) >= _MOST_CONNECTIONS
            return _EndedAtOnce() if is_full else server()

        try:
            loop = asyncio.get_running_loop()
            listener = await loop.create_server(connected, host, port)
        except socket.gaierror:
            problem = "there is no such address"
        except OSError as error:
            problem = words_of_os_error(error)
            if error.errno == errno.EADDRINUSE:  # asyncio's words name the place again
                problem = "something listens there; name another port, 0 for a free one"
        if problem:
            raise ConfigurationError(
                f"no page can be served at {printable(host)}:{self._place.port}: "
                f"{problem}"
            )
        self._listener = listener
        port = listener.sockets[0].getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{port}/"

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: _Handler
    ) -> web.StreamResponse:
        headers = request.headers
        why = self._place.why_refused(headers, is_page=request.path == "/")
        if any(len(headers.getall(name, ())) > 1 for name in _ONCE):
            why = why or "repeated_header"  # which of them counts is anybody's guess
        if why:
            return web.json_response({"error": why}, status=403)
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - no browser ends a run
            name = type(error).__name__  # its text may hold anything
            LOGGER.error("the page could not answer: unexpected %s", name)
            return web.json_response({"error": "failed"}, status=500)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        kind, text = asset(request.path, takes_orders=self._obey is not None)
        return web.Response(text=text, content_type=kind, charset="utf-8")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self._hub.watching >= _MOST_BROWSERS:
            return web.json_response({"error": "too_many_browsers"}, status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._streams.add(task)
        events = self._hub.events()
        # A browser that leaves, or takes nothing any more, is no event for anybody.
        try:
            await response.prepare(request)
            async with contextlib.aclosing(events):
                async for event in events:
                    async with asyncio.timeout(_SLOWEST):
                        await response.write(event)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._streams.discard(task)
        return response

    async def _order(self, request: web.Request) -> web.StreamResponse:
        if self._obey is None or self._token is None:
            return web.json_response({"error": "no_orders"}, status=403)
        if not is_token(request.headers.get(TOKEN_HEADER), self._token):
            return web.json_response({"error": "wrong_token"}, status=401)
        if request.content_type != "application/json":
            return web.json_response({"error": "no_json"}, status=415)
        try:
            async with asyncio.timeout(_SLOWEST):
                values = json.loads(await request.read())
            # Half a surrogate pair is no text: no ledger could take it.
            json.dumps(values, ensure_ascii=False).encode()
            order = read_order(values)
        except TimeoutError:
            return web.json_response({"error": "too_slow"}, status=408)
        except (ValueError, RecursionError, web.RequestPayloadError):
            return web.json_response({"error": "no_json"}, status=400)
        except ConfigurationError as error:
            return web.json_response({"error": str(error.args[0])}, status=400)
        try:
            async with self._obeying:
                done = await self._obey(order)
        except DigitroError as error:
            return web.json_response({"error": str(error.args[0])}, status=409)
        except Exception as error:  # noqa: BLE001 - no order ends a run
            name = type(error).__name__  # its text may hold anything
            LOGGER.error("an order of the page failed: unexpected %s", name)
            return web.json_response({"error": f"unexpected {name}"}, status=500)
        LOGGER.info("the page's operator ordered: %s", order["order"])
        return web.json_response({"value": done.get("value")})


class _EndedAtOnce(asyncio.Protocol):
    """Ends a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End it at once."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as above
        transport.abort()


async def _prepare(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(PAGE_HEADERS)
