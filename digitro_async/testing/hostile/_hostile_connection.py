"""One TCP connection at the hostile server, read no further than its script asks."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, NoReturn, cast

from digitro_async._common.sockets import reset_transport
from digitro_async.testing.simulator._answers import acceptance

__all__ = ["HostileConnection"]

_END_OF_HEAD: Final = b"\r\n\r\n"
_MOST: Final = 65_536


class HostileConnection(asyncio.BufferedProtocol):
    """One connection that a script of ``HostilePABX`` reads from and writes to.

    The server makes it.

    Nothing is taken from the socket before the script reads, and never more than the
    script asks for, so that unread bytes are still in the kernel when the connection
    closes. (uvloop reads before it can be paused: there one byte may have been taken.)

    Args:
        made: Called with the connection as soon as it is there.

    Attributes:
        number: Number of the connection, from 1.
        received: All bytes that the script has read.
        ended: Set when the connection is gone, however it ended.
    """

    def __init__(self, made: "Callable[[HostileConnection], None]") -> None:
        self.number = 0
        self.received: bytes = b""
        self.ended: asyncio.Event = asyncio.Event()
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._window = bytearray(1)
        self._waiting = b""
        self._eof = False
        self._error: Exception | None = None
        self._input: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def sock(self) -> Any:
        """The socket, for options that no method here sets."""
        return self._open_transport.get_extra_info("socket")

    @property
    def is_closing(self) -> bool:
        """Whether the connection was closed here or is gone."""
        return self._open_transport.is_closing()

    async def arrival(self) -> None:
        """Wait until bytes or the end can be read; read nothing."""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        with socket.socket(fileno=socket.dup(self.sock.fileno())) as same:
            loop.add_reader(same.fileno(), arrived.set)
            try:
                await arrived.wait()
            finally:
                loop.remove_reader(same.fileno())

    async def read(self, most: int = _MOST) -> bytes:
        """Read the next bytes; empty where the client has ended.

        Args:
            most: Number of bytes to read at most.

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
        """Read that number of bytes; fewer where the client ends before."""
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
        """Send bytes as they are, unless the connection is closing."""
        if not self.is_closing:
            self._open_transport.write(data)

    def accept(self, call_id: str) -> None:
        """Send the documented 200 with a call id."""
        self.send(acceptance(call_id))

    async def drain(self) -> None:
        """Wait until the client has taken most of the bytes that were sent.

        Raises:
            ConnectionError: If the client is gone.
        """
        await self._writable.wait()
        if self.is_closing:
            raise self._error or ConnectionResetError()

    async def drip(self, data: bytes, pause: float) -> None:
        """Send bytes one by one.

        Args:
            data: The bytes.
            pause: Seconds after each.

        Raises:
            ConnectionError: If the client is gone.
        """
        for byte in data:
            self.send(bytes((byte,)))
            await asyncio.sleep(pause)
            await self.drain()

    async def stall(self) -> NoReturn:
        """Wait as long as the connection and the server live."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError  # pragma: no cover - such a future has no result

    async def wait_for_end(self) -> None:
        """Read and drop all bytes, until the client has closed or reset."""
        try:
            while await self.read():
                pass
        except ConnectionError:
            pass

    def finish(self) -> None:
        """Deliver the bytes that were sent, then FIN, even where some are unread."""
        if not self.is_closing:
            if self._open_transport.can_write_eof():
                self._open_transport.write_eof()
            else:  # TLS has no half-closed connection
                with socket.socket(fileno=socket.dup(self.sock.fileno())) as same:
                    same.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket: FIN, or RST where bytes are unread."""
        self._open_transport.close()

    def reset(self) -> None:
        """Send RST, and drop the bytes that are not delivered."""
        reset_transport(self._open_transport)

    def abort(self) -> None:
        """Close the socket at once, and drop the bytes that are not delivered."""
        self._open_transport.abort()

    @property
    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise RuntimeError("the connection is not made yet")
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pause reading until the script asks."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        # uvloop begins to read after this method, whatever it did.
        asyncio.get_running_loop().call_soon(self._begin)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 - asyncio's name
        """Return room for the bytes that the script asked for."""
        return self._window  # uvloop reads once before it can be paused

    def buffer_updated(self, nbytes: int) -> None:
        """Keep the bytes that were read, and pause reading."""
        self._waiting += self._window[:nbytes]
        self._open_transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        """Let the script read the end, and leave the other direction open."""
        self._eof = True
        self._wake_reader()
        return self._open_transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the script read the end or the error."""
        self._eof = True
        self._error = exc
        self._writable.set()
        self.ended.set()
        self._wake_reader()

    def pause_writing(self) -> None:
        """Let ``drain`` wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let ``drain`` go on."""
        self._writable.set()

    async def _fill(self, most: int) -> None:
        """Wait for at most that number of bytes, or the end."""
        self._window = bytearray(most)
        self._input = asyncio.get_running_loop().create_future()
        self._open_transport.resume_reading()
        try:
            await self._input
        finally:
            self._input = None
            if not self.is_closing:
                self._open_transport.pause_reading()

    def _begin(self) -> None:
        if not self.is_closing:
            self._open_transport.pause_reading()
        self._made(self)

    def _wake_reader(self) -> None:
        if self._input is not None and not self._input.done():
            self._input.set_result(None)


def _length(data: bytes) -> int:
    """Return the length of the request that ``data`` begins with."""
    head, _, __ = data.partition(_END_OF_HEAD)
    _, found, rest = head.lower().partition(b"content-length:")
    body = int(rest.split(b"\r\n")[0]) if found else 0
    return len(head) + len(_END_OF_HEAD) + body
