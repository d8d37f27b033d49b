"""aiohttp's server on a loopback port, with a hand on every connection under it."""

import asyncio
import contextlib

from aiohttp import web

from digitro_async.protocol._names import API_KEY_HEADER
from digitro_async.testing.simulator._answers import refusal
from digitro_async.testing.simulator._request_validator import ReceivedRequest
from digitro_async.testing.simulator._tcp_connection import Connection, ConnectionEvents

__all__ = ["Listener"]

_GRACE = 0.4
_BACKLOG = 4096


class _Written(web.StreamResponse):
    """Tells aiohttp that the answer is on the wire already."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing."""


def _written(*, keep: bool) -> _Written:
    written = _Written()
    written._keep_alive = keep  # noqa: SLF001 - aiohttp sets it while it prepares
    return written


class Listener:
    """Accepts connections and serves them until it is closed."""

    def __init__(self, switchboard: ConnectionEvents, idle_timeout: float) -> None:
        self._switchboard = switchboard
        self._connections: dict[asyncio.Protocol, Connection] = {}
        self._listening: asyncio.Server | None = None
        self._kept = _written(keep=True)
        self._last = _written(keep=False)
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
        return int(self._listening.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Refuse new connections; those that are open live on."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        """End everything within a second, whatever is under way."""
        await self.stop()
        for connection in list(self._connections.values()):
            connection.leave()
        await self._wait_for_the_end()
        for connection in list(self._connections.values()):
            connection.abort()
        await self._wait_for_the_end()

    async def _wait_for_the_end(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while self._server.connections:  # noqa: ASYNC110 - aiohttp tells no end
                    await asyncio.sleep(0.001)

    def _make_connection(self) -> Connection:
        return Connection(self._server(), self._switchboard, self._changed)

    def _changed(self, connection: Connection, made: bool) -> None:  # noqa: FBT001 - a callback
        if made:
            self._connections[connection.inner] = connection
        else:
            self._connections.pop(connection.inner, None)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = self._connections[request.protocol]
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            connection.write(refusal(413, "the body is too large", close=True))
            return self._last
        posted = ReceivedRequest(
            method=request.method,
            path=request.raw_path,
            keys=request.headers.getall(API_KEY_HEADER, []),
            content_type=request.headers.get("Content-Type", ""),
            body=body,
            keep_alive=request.keep_alive,
        )
        ordinal = connection.take_ordinal()
        keep = await self._switchboard.answer(connection, posted, ordinal)
        connection.rest()
        return self._kept if keep and posted.keep_alive else self._last
