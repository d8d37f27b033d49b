"""One TCP connection, with a hand on the wire under whatever parses it."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

from digitro_async.testing.simulator._request_validator import ReceivedRequest

__all__ = ["Connection", "ConnectionEvents"]

_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class ConnectionEvents(Protocol):
    """Whoever decides what happens on the connections."""

    def connected(self, connection: "Connection") -> None:
        """Learn of a new connection, and give it its number."""

    def arriving(self, connection: "Connection") -> int:
        """Learn that a request begins to arrive, and return its ordinal."""

    async def answer(
        self, connection: "Connection", posted: ReceivedRequest, ordinal: int | None
    ) -> bool:
        """Answer a request, and return whether the connection may be kept."""


class Connection(asyncio.Protocol):
    """Passes everything on to another protocol, unless a fault comes before it.

    Args:
        inner: The protocol that reads requests.
        switchboard: Who decides what happens.
        changed: Called when it is made, with True, and when it is lost, with False.

    Attributes:
        number: Its number, from 1.
        deaf: Whether whatever else arrives is thrown away unread.
    """

    def __init__(
        self,
        inner: asyncio.Protocol,
        switchboard: ConnectionEvents,
        changed: Callable[["Connection", bool], None],
    ) -> None:
        self.number = 0
        self.deaf = False
        self.inner = inner
        self._switchboard = switchboard
        self._changed = changed
        self._ordinal: int | None = None
        self._resting = True
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass it on, and let the switchboard know."""
        self._transport = cast("asyncio.Transport", transport)
        self.inner.connection_made(transport)
        self._changed(self, True)  # noqa: FBT003 - it is a callback
        self._switchboard.connected(self)

    def data_received(self, data: bytes) -> None:
        """Let the switchboard know before the first bytes of a request are read."""
        if self._resting and not self.deaf:
            self._resting = False
            self._ordinal = self._switchboard.arriving(self)
        if not self.deaf:
            self.inner.data_received(data)

    def eof_received(self) -> None:
        """Let the connection close."""
        self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let what has begun for this connection end."""
        self._writable.set()
        self.inner.connection_lost(exc)
        self._changed(self, False)  # noqa: FBT003 - same

    def pause_writing(self) -> None:
        """Stop writers: the client does not keep up."""
        self._writable.clear()
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._writable.set()
        self.inner.resume_writing()

    def take_ordinal(self) -> int | None:
        """Return the ordinal of the request that is read, None if pipelined."""
        ordinal, self._ordinal = self._ordinal, None
        return ordinal

    def rest(self) -> None:
        """Take the next bytes for the beginning of a request."""
        self._resting = True

    def write(self, data: bytes) -> None:
        """Put bytes on the wire."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written."""
        await self._writable.wait()
        if self._transport.is_closing():
            raise ConnectionResetError

    def close(self) -> None:
        """Send what is written, then FIN."""
        self.deaf = True
        self._transport.close()

    def reset(self) -> None:
        """Send RST, and drop what is written."""
        self.deaf = True
        if not self._transport.is_closing():
            sock = self._transport.get_extra_info("socket")
            with socket.socket(fileno=socket.dup(sock.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def leave(self) -> None:
        """Close it if it rests, break it off if something is under way."""
        if self._resting:
            self.close()
        else:
            self.abort()

    def abort(self) -> None:
        """Break it off."""
        self.deaf = True
        self._transport.abort()
