"""ControlServer: takes orders of the ledger's owner over a socket beside it."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from digitro_async._common.brief_connections import BriefConnections
from digitro_async.control._control_words import (
    LONGEST_LINE,
    line_of,
    read_line,
    reply_to,
)
from digitro_async.control._socket_place import bind_socket, remove_socket
from digitro_async.errors import DigitroError, LedgerError
from digitro_async.observe import LOGGER

__all__ = ["ControlServer", "is_owner"]

_SECONDS: Final = 10.0
"""Most seconds until a whole order is there, or a reply is taken."""

_CREDENTIALS: Final = struct.Struct("3i")


class ControlServer:
    """Takes orders over a socket that only its owner may use.

    Each connection brings one order, a line of JSON, and takes one reply.

    Args:
        ledger: The file of the ledger, which this process owns.
        obey: Obeys an order and returns the values of the reply.

    Attributes:
        path: The socket; None before it is entered, and where none can stand.
    """

    def __init__(
        self,
        ledger: Path,
        obey: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
    ) -> None:
        self._ledger = ledger
        self._obey = obey
        self.path: Path | None = None
        self._server: asyncio.Server | None = None
        self._made: os.stat_result | None = None
        self._connections = BriefConnections(self._answer)

    async def __aenter__(self) -> Self:
        bound = bind_socket(self._ledger)
        if bound is None:
            return self
        made, self.path = bound
        self._made = self.path.lstat()
        self._server = await asyncio.start_unix_server(
            self._connections.take, sock=made, limit=LONGEST_LINE
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        if self.path is not None and self._made is not None:
            remove_socket(self.path, self._made)
        await self._connections.end()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not is_owner(writer.get_extra_info("socket")):
            return
        try:
            async with asyncio.timeout(_SECONDS):
                line = await reader.readline()
        except ValueError:  # it is too long
            return
        if not line:
            return
        try:
            reply = await self._obey(read_line(line))
        except DigitroError as error:
            reply = reply_to(error)
        except Exception as error:  # noqa: BLE001 - no order ends the process
            name = type(error).__name__  # its text may hold anything
            LOGGER.error("an order could not be obeyed: unexpected %s", name)
            reply = reply_to(LedgerError(f"unexpected {name}", reason="failed"))
        async with asyncio.timeout(_SECONDS):
            writer.write(line_of(reply))
            await writer.drain()


def is_owner(connection: socket.socket) -> bool:
    """Whether the other end of a connection is this user's, or the superuser's.

    Where the system does not tell, the mode of the socket's file has decided that.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    found = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(found)
    return user in {0, os.geteuid()}
