"""A way to a server that can fall silent: it stays open and carries nothing."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

__all__ = ["MuteProxy"]


class MuteProxy:
    """Carries bytes between clients and a server, until it is told to be mute.

    While it is mute it takes connections, reads what comes and carries nothing: the
    other side acknowledges every byte, so no operating system finds out.

    Args:
        port: The server's port on 127.0.0.1.

    Attributes:
        port: Its own port.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._speaks = asyncio.Event()
        self._speaks.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._speaks.set()
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    def mute(self) -> None:
        """Carry nothing from now on."""
        self._speaks.clear()

    def speak(self) -> None:
        """Carry everything again, also what came meanwhile."""
        self._speaks.set()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        await self._speaks.wait()
        with contextlib.suppress(OSError):
            other_reader, other = await asyncio.open_connection(
                "127.0.0.1", self._target
            )
            self._writers.add(other)
            try:
                await asyncio.gather(
                    self._pump(reader, other), self._pump(other_reader, writer)
                )
            finally:
                self._end(other)
        self._end(writer)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._speaks.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    def _end(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
