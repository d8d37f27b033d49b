"""One TCP connection at the simulator, under the protocol that parses HTTP."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from digitro_async._common.sockets import reset_transport
from digitro_async.testing.simulator._request_validator import ReceivedRequest

__all__ = ["ConnectionEvents", "SimulatorConnection"]


class ConnectionEvents(Protocol):
    """Decides what happens on the connections of one simulator."""

    def connected(self, connection: "SimulatorConnection") -> None:
        """Take notice of a new connection, and number it."""

    def arriving(self, connection: "SimulatorConnection") -> int:
        """Take notice that a request begins to arrive, and return its ordinal."""

    async def answer(
        self,
        connection: "SimulatorConnection",
        request: ReceivedRequest,
        ordinal: int | None,
    ) -> bool:
        """Answer a request, and return whether the connection may be kept."""


class SimulatorConnection(asyncio.Protocol):
    """Passes bytes to the protocol that parses them, unless a fault comes before it.

    Args:
        parser: The protocol that parses requests.
        events: Decides what happens on the connection.
        changed: Called when the connection is made, with True, and when it is lost,
            with False.

    Attributes:
        number: Number of the connection, from 1.
        ignores_input: Whether all further bytes are thrown away unread.
        parser: The protocol that parses requests.
    """

    def __init__(
        self,
        parser: asyncio.Protocol,
        events: ConnectionEvents,
        changed: Callable[["SimulatorConnection", bool], None],
    ) -> None:
        self.number = 0
        self.ignores_input: bool = False
        self.parser = parser
        self._events = events
        self._changed = changed
        self._ordinal: int | None = None
        self._is_idle = True
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass it on, and report the new connection."""
        self._transport = cast("asyncio.Transport", transport)
        self.parser.connection_made(transport)
        self._changed(self, True)  # noqa: FBT003 - it is a callback
        self._events.connected(self)

    def data_received(self, data: bytes) -> None:
        """Report the first bytes of a request before they are parsed."""
        if self._is_idle and not self.ignores_input:
            self._is_idle = False
            self._ordinal = self._events.arriving(self)
        if not self.ignores_input:
            self.parser.data_received(data)

    def eof_received(self) -> None:
        """Let the connection close."""
        self.parser.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the work that was begun for this connection."""
        self._writable.set()
        self.parser.connection_lost(exc)
        self._changed(self, False)  # noqa: FBT003 - it is a callback

    def pause_writing(self) -> None:
        """Let ``drain`` wait: the client does not keep up."""
        self._writable.clear()
        self.parser.pause_writing()

    def resume_writing(self) -> None:
        """Let ``drain`` go on."""
        self._writable.set()
        self.parser.resume_writing()

    def take_ordinal(self) -> int | None:
        """Return the ordinal of the request that was read; None if pipelined."""
        ordinal, self._ordinal = self._ordinal, None
        return ordinal

    def become_idle(self) -> None:
        """Take the next bytes for the beginning of a request."""
        self._is_idle = True

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closing."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the client has taken most of the bytes that were sent.

        Raises:
            ConnectionResetError: If the connection is closing.
        """
        await self._writable.wait()
        if self._transport.is_closing():
            raise ConnectionResetError

    def close(self) -> None:
        """Deliver the bytes that were sent, then FIN."""
        self.ignores_input = True
        self._transport.close()

    def reset(self) -> None:
        """Send RST, and drop the bytes that are not delivered."""
        self.ignores_input = True
        reset_transport(self._transport)

    def abort(self) -> None:
        """Close at once, and drop the bytes that are not delivered."""
        self.ignores_input = True
        self._transport.abort()

    def end(self) -> None:
        """Close an idle connection; abort one with a request under way."""
        if self._is_idle:
            self.close()
        else:
            self.abort()
