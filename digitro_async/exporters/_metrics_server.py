"""MetricsServer: answers ``GET /metrics`` in the event loop of the client."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

from digitro_async._common.brief_connections import BriefConnections
from digitro_async.errors import ConfigurationError
from digitro_async.observe import LOGGER

__all__ = ["MetricsServer"]

_LONGEST_HEAD: Final = 16_384
_SECONDS: Final = 10.0
"""Most seconds until a whole request is there, or its answer is taken."""

_PLAIN: Final = "text/plain; charset=utf-8"

Exposition = Callable[[str], tuple[bytes, str]]


class MetricsServer:
    """Serves the metrics of one process, to whoever may reach its address.

    It is bound to loopback unless another address is given: the metrics name PABX and
    counts, and no call, but they need no password.

    Args:
        exposition: Takes an ``Accept`` header, and returns the metrics and their
            content type.
        port: The port, 0 for any that is free.
        host: The address.

    Attributes:
        port: The port; that in use once it is entered.

    Raises:
        ConfigurationError: On entering, if nothing can listen there.
    """

    def __init__(
        self, exposition: Exposition, port: int, *, host: str = "127.0.0.1"
    ) -> None:
        self._exposition = exposition
        self._host = host
        self.port: int = port
        self._server: asyncio.Server | None = None
        self._connections = BriefConnections(self._answer)

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(
                self._connections.take, self._host, self.port, limit=_LONGEST_HEAD
            )
        except OSError as error:
            raise ConfigurationError(
                f"metrics can't be served at {self._host}, port {self.port}"
                f" ({error.strerror or 'no such address'}): name another one"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        await self._connections.end()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with asyncio.timeout(_SECONDS):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return  # whoever asked is gone, or its head never ends
            writer.write(self._answer_to(head.decode("latin-1")))
            await writer.drain()

    def _answer_to(self, head: str) -> bytes:
        """Return the answer to a request."""
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        status, content_type = HTTPStatus.OK, _PLAIN
        if path != "/metrics":
            status, body = HTTPStatus.NOT_FOUND, b"the metrics are at /metrics\n"
        elif method not in {"GET", "HEAD"}:
            status, body = HTTPStatus.METHOD_NOT_ALLOWED, b"only GET is answered\n"
        else:
            try:
                body, content_type = self._exposition(_accept_of(lines))
            except Exception as error:  # noqa: BLE001 - of the program's own registry
                name = type(error).__name__  # its text may hold anything
                LOGGER.error("the metrics can't be read: unexpected %s", name)
                status = HTTPStatus.INTERNAL_SERVER_ERROR
                body = b"the metrics can't be read: the log says why\n"
        answer = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"Content-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n"
        )
        return answer.encode("latin-1") + (b"" if method == "HEAD" else body)


def _accept_of(lines: list[str]) -> str:
    for line in lines:
        name, _, value = line.partition(":")
        if name.casefold() == "accept":
            return value.strip()
    return ""
