"""A hostile PABX: a raw TCP server that does to each connection what a script says."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX
from digitro_async.testing.hostile._hostile_connection import HostileConnection

__all__ = ["HostilePABX", "Script", "answer_all", "count_posts"]

Script: TypeAlias = Callable[[HostileConnection], Awaitable[object]]

_BACKLOG: Final = 1024
_HEAD: Final = re.compile(rb"POST /[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


async def answer_all(line: HostileConnection) -> None:
    """Accept every call of a connection: the one script that does no harm."""
    count = 0
    while await line.read_request():
        count += 1
        line.accept(f"{line.number} {count}")


def count_posts(data: bytes) -> int:
    """Return how many whole POSTs stand in what was read of one connection."""
    count = at = 0
    while (head := _HEAD.search(data, at)) is not None:
        length = _LENGTH.search(head[0])
        at = head.end() + (int(length[1]) if length else 0)
        count += at <= len(data)
    return count


class HostilePABX:
    """Does to every connection what its script says, byte by byte.

    A script is an async function of one ``HostileConnection``. Whatever it does before
    it reads happens on accept; ``read_exactly(n)``, ``read_head()`` and
    ``read_request()`` bring it to the next moment; ``send``, ``drip``, ``finish``
    (FIN), ``reset`` (RST) and ``stall`` do harm there. When it returns the connection
    is closed. ::

        async def lose_the_answer(line: HostileConnection) -> None:
            await line.read_request()
            line.reset()

        async with HostilePABX(lose_the_answer) as pabx:
            async with DigitroClient(pabx.settings()) as client:
                with pytest.raises(OutcomeUnknownError):
                    await client.make_predictive_call(call)
            assert pabx.posts == 1

    Unlike ``FakePABX`` it knows no faults by name and checks nothing of what it reads.

    Args:
        scripts: What it does to the first connection, the second and so on; the last
            one goes for all that follow. Without any, every call is accepted.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        tls: Server context for https; None for http.

    Attributes:
        lines: All connections it accepted, in order.
        errors: What connections failed with at the operating system, in order.
        host: Address it listens on.
    """

    def __init__(
        self,
        *scripts: Script,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.lines: list[HostileConnection] = []
        self.errors: list[OSError] = []
        self._scripts = scripts or (answer_all,)
        self._port = port
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<HostilePABX {self.host}:{self._port} posts={self.posts}>"

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def start(self) -> Self:
        """Begin to listen; afterwards ``port`` and ``base_url`` are known.

        Raises:
            ConfigurationError: If it is running.
            OSError: If the port can't be had.
        """
        if self._server is not None:
            raise ConfigurationError("the hostile PABX is running")
        self._server = await asyncio.get_running_loop().create_server(
            lambda: HostileConnection(self._serve),
            self.host,
            self._port,
            ssl=self._tls,
            backlog=_BACKLOG,
        )
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def aclose(self) -> None:
        """Stop all scripts and end every connection; what was read stays."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for line in self.lines:
            line.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """The port; 0 before a free one was taken."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a client calls the base URL."""
        scheme = "http" if self._tls is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self._port}"

    @property
    def received(self) -> bytes:
        """All that was read, connection after connection."""
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
        """Return what a client needs to reach it.

        Args:
            changes: Fields of ``PABX`` that shall differ.
        """
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
        task = asyncio.get_running_loop().create_task(self._play(script, line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, script: Script, line: HostileConnection) -> None:
        try:
            await script(line)
        except OSError as error:
            self.errors.append(error)
        finally:
            line.close()
