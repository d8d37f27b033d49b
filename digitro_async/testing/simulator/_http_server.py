"""aiohttp's server on one port, over connections that faults are injected into."""

import asyncio
import contextlib

from aiohttp import web

from digitro_async.protocol._names import API_KEY_HEADER
from digitro_async.testing._listening import port_of
from digitro_async.testing.simulator._answers import refusal
from digitro_async.testing.simulator._request_validator import ReceivedRequest
from digitro_async.testing.simulator._tcp_connection import (
    ConnectionEvents,
    SimulatorConnection,
)

__all__ = ["HTTPListener"]

_GRACE = 0.4
_BACKLOG = 4096


class _SentResponse(web.StreamResponse):
    """Stands for an answer that is on the wire already."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing."""


def _sent_response(*, keep: bool) -> _SentResponse:
    response = _SentResponse()
    response._keep_alive = keep  # noqa: SLF001 - aiohttp sets it while it prepares
    return response


class HTTPListener:
    """Accepts connections and parses requests until it is closed.

    Args:
        events: Decides what happens on the connections.
        idle_timeout: Seconds after which a connection without requests is closed.
    """

    def __init__(self, events: ConnectionEvents, idle_timeout: float) -> None:
        self._events = events
        self._connections: dict[asyncio.Protocol, SimulatorConnection] = {}
        self._listening: asyncio.Server | None = None
        self._sent_and_kept = _sent_response(keep=True)
        self._sent_and_over = _sent_response(keep=False)
        self._server = web.Server(
            self._handle,
            handler_cancellation=True,
            keepalive_timeout=idle_timeout,
            tcp_keepalive=False,
            lingering_time=0,
            access_log=None,
            auto_decompress=False,
        )

    async def listen(self, host: str, port: int) -> int:
        """Begin to accept connections, and return the port."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            self._make_connection, host, port, backlog=_BACKLOG
        )
        return port_of(self._listening)

    async def stop(self) -> None:
        """Refuse new connections; those that are open are served on."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Stop, and end every connection within a second."""
        await self.stop()
        for connection in list(self._connections.values()):
            connection.end()
        await self._wait_for_connections()
        for connection in list(self._connections.values()):
            connection.abort()
        await self._wait_for_connections()

    async def _wait_for_connections(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while self._server.connections:  # noqa: ASYNC110 - aiohttp tells no end
                    await asyncio.sleep(0.001)

    def _make_connection(self) -> SimulatorConnection:
        return SimulatorConnection(self._server(), self._events, self._changed)

    def _changed(self, connection: SimulatorConnection, made: bool) -> None:  # noqa: FBT001 - a callback
        if made:
            self._connections[connection.parser] = connection
        else:
            self._connections.pop(connection.parser, None)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = self._connections[request.protocol]
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            connection.write(refusal(413, "the body is too large", close=True))
            return self._sent_and_over
        received = ReceivedRequest(
            method=request.method,
            path=request.raw_path,
            keys=request.headers.getall(API_KEY_HEADER, []),
            content_type=request.headers.get("Content-Type", ""),
            body=body,
            keep_alive=request.keep_alive,
            headers=request.headers,
        )
        ordinal = connection.take_ordinal()
        keep = await self._events.answer(connection, received, ordinal)
        connection.become_idle()
        if keep and received.keep_alive:
            return self._sent_and_kept
        return self._sent_and_over
