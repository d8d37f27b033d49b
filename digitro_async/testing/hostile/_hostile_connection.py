"""One TCP connection at the hostile PABX, read no further than its script asks."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, NoReturn, cast

from digitro_async.testing.simulator._answers import acceptance

__all__ = ["HostileConnection"]

_RESET: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_END_OF_HEAD: Final = b"\r\n\r\n"
_MOST: Final = 65_536


class HostileConnection(asyncio.BufferedProtocol):
    """One connection: what a script of ``HostilePABX`` reads from and writes to.

    The server makes them; ``made`` is told of each as soon as it is connected.

    Nothing is taken from the socket before the script reads, and never more than it
    asks for, so that what it did not read is still in the kernel when it closes. (On
    uvloop, which reads before it can be told not to, one byte may have been taken.)

    Attributes:
        number: Its number, from 1.
        received: All that the script has read.
        sock: The socket, for what no method here does.
        ended: Set when the connection is gone, however it ended.
    """

    def __init__(self, made: "Callable[[HostileConnection], None]") -> None:
        self.number = 0
        self.received = b""
        self.ended = asyncio.Event()
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._window = bytearray(1)
        self._waiting = b""
        self._eof = False
        self._error: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def sock(self) -> Any:
        """The socket under it."""
        return self._wire.get_extra_info("socket")

    @property
    def is_closing(self) -> bool:
        """Whether it was closed here or is gone."""
        return self._wire.is_closing()

    async def arrival(self) -> None:
        """Wait until something waits to be read, or the end of it; read nothing."""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        with socket.socket(fileno=socket.dup(self.sock.fileno())) as same:
            loop.add_reader(same.fileno(), arrived.set)
            try:
                await arrived.wait()
            finally:
                loop.remove_reader(same.fileno())

    async def read(self, most: int = _MOST) -> bytes:
        """Read what comes, at most so many bytes; empty where the client has ended.

        Raises:
            ConnectionError: If the client has reset the connection.
        """
        if not (self._waiting or self._eof):
            await self._fill(most)
        data, self._waiting = self._waiting[:most], self._waiting[most:]
        self.received += data
        if not data and self._error is not None:
            raise self._error
        return data

    async def read_exactly(self, count: int) -> bytes:
        """Read that many bytes and no more; fewer where the client ends before."""
        data = b""
        while len(data) < count and (part := await self.read(count - len(data))):
            data += part
        return data

    async def read_head(self) -> bytes:
        """Read the head of a request and no byte of its body."""
        data = b""
        while not data.endswith(_END_OF_HEAD) and (part := await self.read(1)):
            data += part
        return data

    async def read_request(self) -> bytes:
        """Read one whole request; empty where the client ends before."""
        data = b""
        while _END_OF_HEAD not in data:
            if not (part := await self.read()):
                return b""
            data += part
        missing = _length(data) - len(data)
        while missing > 0:
            if not (part := await self.read()):
                return b""
            data += part
            missing -= len(part)
        return data

    def send(self, data: bytes) -> None:
        """Send bytes as they are, where somebody is left to read them."""
        if not self.is_closing:
            self._wire.write(data)

    def accept(self, call_id: str) -> None:
        """Send the documented 200 with that call id."""
        self.send(acceptance(call_id))

    async def drain(self) -> None:
        """Wait until the client has taken most of what was sent.

        Raises:
            ConnectionError: If the client is gone.
        """
        await self._writable.wait()
        if self.is_closing:
            raise self._error or ConnectionResetError()

    async def drip(self, data: bytes, pause: float) -> None:
        """Send bytes one by one with a pause of so many seconds after each.

        Raises:
            ConnectionError: If the client is gone.
        """
        for byte in data:
            self.send(bytes((byte,)))
            await asyncio.sleep(pause)
            await self.drain()

    async def stall(self) -> NoReturn:
        """Do nothing more for as long as the connection and the server live."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError  # pragma: no cover - such a future has no result

    async def wait_for_end(self) -> None:
        """Read and forget what comes, until the client has closed or reset."""
        try:
            while await self.read():
                pass
        except ConnectionError:
            pass

    def finish(self) -> None:
        """Send FIN, whatever waits to be read; what was sent is delivered before."""
        if not self.is_closing:
            if self._wire.can_write_eof():
                self._wire.write_eof()
            else:  # TLS has no half-closed connection
                with socket.socket(fileno=socket.dup(self.sock.fileno())) as same:
                    same.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket: FIN, or RST where something waits to be read."""
        self._wire.close()

    def reset(self) -> None:
        """Send RST, and drop what was not delivered yet."""
        if not self.is_closing:
            with socket.socket(fileno=socket.dup(self.sock.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort()

    def abort(self) -> None:
        """Close the socket at once, and drop what was not delivered yet."""
        self._wire.abort()

    @property
    def _wire(self) -> asyncio.Transport:
        if self._transport is None:
            raise RuntimeError("there is no connection yet")
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing until the script asks."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        # uvloop begins to read after this method, whatever it did.
        asyncio.get_running_loop().call_soon(self._begin)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's name
        """Give room for as much as the script asked for."""
        return self._window  # uvloop reads once before it can be told not to

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read, and read no further."""
        self._waiting += self._window[:nbytes]
        self._wire.pause_reading()
        self._tell()

    def eof_received(self) -> bool:
        """Tell the script, and leave the other direction open."""
        self._eof = True
        self._tell()
        return self._wire.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the script."""
        self._eof = True
        self._error = exc
        self._writable.set()
        self.ended.set()
        self._tell()

    def pause_writing(self) -> None:
        """Let ``drain`` wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let ``drain`` go on."""
        self._writable.set()

    async def _fill(self, most: int) -> None:
        """Let at most so many bytes in, or the end."""
        self._window = bytearray(most)
        self._news = asyncio.get_running_loop().create_future()
        self._wire.resume_reading()
        try:
            await self._news
        finally:
            self._news = None
            if not self.is_closing:
                self._wire.pause_reading()

    def _begin(self) -> None:
        if not self.is_closing:
            self._wire.pause_reading()
        self._made(self)

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def _length(data: bytes) -> int:
    """Return how long the request is whose head is the beginning of ``data``."""
    head, _, __ = data.partition(_END_OF_HEAD)
    _, found, rest = head.lower().partition(b"content-length:")
    body = int(rest.split(b"\r\n")[0]) if found else 0
    return len(head) + len(_END_OF_HEAD) + body
