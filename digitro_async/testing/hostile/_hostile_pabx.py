"""A hostile PABX: a raw TCP server that follows a script on each connection."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, TypeAlias

from digitro_async.models import PABX
from digitro_async.testing._listening import (
    ListeningServer,
    let_connections_end,
    port_of,
)
from digitro_async.testing.hostile._hostile_connection import HostileConnection

__all__ = ["HostilePABX", "Script", "answer_all", "count_posts"]

Script: TypeAlias = Callable[[HostileConnection], Awaitable[object]]

_BACKLOG: Final = 1024
_HEAD: Final = re.compile(rb"POST /[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


async def answer_all(connection: HostileConnection) -> None:
    """Accept every call of a connection: the one script that does no harm."""
    count = 0
    while await connection.read_request():
        count += 1
        connection.accept(f"{connection.number} {count}")


def count_posts(data: bytes) -> int:
    """Return the number of whole POSTs in the bytes of one connection."""
    count = at = 0
    while (head := _HEAD.search(data, at)) is not None:
        length = _LENGTH.search(head[0])
        at = head.end() + (int(length[1]) if length else 0)
        count += at <= len(data)
    return count


class HostilePABX(ListeningServer):
    """Follows a script on every connection, byte by byte.

    A script is an async function of one ``HostileConnection``. All that it does before
    it reads happens on accept; ``read_exactly(n)``, ``read_head()`` and
    ``read_request()`` wait for the next moment; ``send``, ``drip``, ``finish`` (FIN),
    ``reset`` (RST) and ``stall`` do harm there. When the script returns, the
    connection is closed. ::

        async def lose_the_answer(connection: HostileConnection) -> None:
            await connection.read_request()
            connection.reset()

        async with HostilePABX(lose_the_answer) as pabx:
            async with DigitroClient(pabx.settings()) as client:
                with pytest.raises(OutcomeUnknownError):
                    await client.make_predictive_call(call)
            assert pabx.posts == 1

    Unlike ``FakePABX`` it knows no faults by name and checks no request.

    Args:
        scripts: The script for the first connection, the second and so on; the last
            one goes for all that follow. Without any, every call is accepted.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        tls: Server context for https; None for http.

    Attributes:
        lines: All connections it accepted, in order.
        errors: Errors of the operating system that ended scripts, in order.
        host: Address it listens on.
    """

    _TITLE: ClassVar = "hostile PABX"

    def __init__(
        self,
        *scripts: Script,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(host, port, scheme="http" if tls is None else "https")
        self.lines: list[HostileConnection] = []
        self.errors: list[OSError] = []
        self._scripts = scripts or (answer_all,)
        self._tls = tls
        self._server: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"<HostilePABX {self.host}:{self._port} posts={self.posts}>"

    async def _open(self) -> int:
        """Begin to listen and return the port."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: HostileConnection(self._serve),
            self.host,
            self._port,
            ssl=self._tls,
            backlog=_BACKLOG,
        )
        return port_of(self._server)

    async def _close(self) -> None:
        """Stop all scripts and end every connection."""
        if self._server is not None:
            self._server.close()
        await self._cancel_tasks()
        for line in self.lines:
            line.abort()
        await let_connections_end()

    @property
    def received(self) -> bytes:
        """All bytes that were read, connection after connection."""
        return b"".join(line.received for line in self.lines)

    @property
    def connections(self) -> int:
        """Connections that were accepted."""
        return len(self.lines)

    @property
    def posts(self) -> int:
        """POSTs that were read whole, body included."""
        return sum(count_posts(line.received) for line in self.lines)

    def settings(self, **changes: Any) -> PABX:
        """Return the settings of a client for this server.

        Args:
            changes: Fields of ``PABX`` with other values.

        Raises:
            ConfigurationError: If it was not started, so that it has no port yet.
            WrongLoopError: If its event loop does not run while that of the client
                does, so that it could not answer.
        """
        self._check_has_port()
        settings: dict[str, Any] = {
            "name": "hostile",
            "base_url": self.base_url,
            "channel_id": 1,
            "api_key": "demo-key",
        }
        return PABX(**settings | changes)

    def _serve(self, line: HostileConnection) -> None:
        self.lines.append(line)
        line.number = len(self.lines)
        script = self._scripts[min(line.number, len(self._scripts)) - 1]
        self._begin_task(self._follow(script, line))

    async def _follow(self, script: Script, line: HostileConnection) -> None:
        try:
            await script(line)
        except OSError as error:
            self.errors.append(error)
        finally:
            line.close()
