"""A way to a server that loses a reply: what it says is done, and nobody hears it."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

__all__ = ["LossyProxy"]


class LossyProxy:
    """Carries bytes between clients and a server, until it is to lose a reply.

    Args:
        port: The server's port on 127.0.0.1.

    Attributes:
        port: Its own port.
        lost: Replies that were lost.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.lost = 0
        self._awaited: bytes | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

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
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def lose(self, reply: bytes) -> None:
        """Lose the next reply that has these bytes in it, and its connection."""
        self._awaited = reply

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        other_reader, other = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [
            asyncio.create_task(self._pump(reader, other)),
            asyncio.create_task(self._pump_replies(other_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, other):
                end.transport.abort()
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def _pump_replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self._awaited is not None and self._awaited in data:
                    self._awaited = None
                    self.lost += 1
                    return
                writer.write(data)
                await writer.drain()
