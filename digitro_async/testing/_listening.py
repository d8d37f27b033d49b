"""The life of a server that listens on one port: start, address, tasks, close."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, ClassVar, Self

from digitro_async._common.own_loop import OwnLoop
from digitro_async._common.unclosed import warn_unclosed
from digitro_async.errors import ConfigurationError, WrongLoopError

__all__ = ["ListeningServer", "let_connections_end", "port_of"]


class ListeningServer:
    """Listens on one port from ``start`` to ``aclose``.

    A subclass opens and closes the sockets in ``_open`` and ``_close``.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        scheme: Scheme of the base URL: http or https.

    Attributes:
        host: Address it listens on.
    """

    _TITLE: ClassVar[str]
    """Names the server in errors."""

    def __init__(self, host: str, port: int, *, scheme: str = "http") -> None:
        self.host = host
        self._port = port
        self._scheme = scheme
        self._own_loop = OwnLoop()
        self._is_running = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_is_running", False):  # not where its settings were refused
            way_out = 'use it as "async with", or await its aclose()'
            warn_unclosed(self, self._own_loop.place, way_out)

    async def start(self) -> Self:
        """Begin to listen; afterwards ``port`` and ``base_url`` are known.

        Raises:
            ConfigurationError: If the server is running.
            WrongLoopError: If no event loop of asyncio runs.
            OSError: If the port, or a file that the server writes, can't be had.
        """
        if self._is_running:
            raise ConfigurationError(
                f"the {self._TITLE} is running; close it before you start it again"
            )
        self._own_loop = OwnLoop()
        self._own_loop.check(self)
        self._port = await self._open()
        self._is_running = True
        return self

    async def aclose(self) -> None:
        """Stop listening and end every connection; the counts stay.

        Raises:
            WrongLoopError: If it was started in another event loop.
        """
        if self._is_running:
            self._own_loop.check(self)
            self._is_running = False
            await self._close()

    @property
    def port(self) -> int:
        """The port; 0 before a free one was taken.

        Raises:
            WrongLoopError: If the server can't answer whoever asks: another event loop
                runs here, and its own does not run meanwhile.
        """
        if self._is_running and self._own_loop.is_out_of_reach:
            raise WrongLoopError(
                f"the {self._TITLE} can't answer here: the event loop in which it was"
                f" started, at {self._own_loop.place}, does not run while this one"
                " does. Start it in this loop; a fixture and a test of pytest-asyncio"
                " share one where they have the same loop_scope"
            )
        return self._port

    @property
    def base_url(self) -> str:
        """The base URL for a client, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self._scheme}://{host}:{self.port}"

    def _check_has_port(self) -> None:
        """Demand that the server was started once, so that it has an address.

        Raises:
            ConfigurationError: If it was not.
        """
        if not self._port:
            raise ConfigurationError(
                f"the {self._TITLE} has no port before it is started: use it as"
                ' "async with", or await its start() first'
            )

    async def _open(self) -> int:
        """Begin to listen and return the port.

        Raises:
            OSError: If the port, or a file that the server writes, can't be had.
        """
        raise NotImplementedError

    async def _close(self) -> None:
        """Stop listening and end every connection."""
        raise NotImplementedError

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin the work for one connection; ``_cancel_tasks`` ends it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cancel_tasks(self) -> None:
        """Cancel the work for every connection and wait for its end."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


async def let_connections_end() -> None:
    """Let connections that were aborted end."""
    # The loop calls connection_lost, which closes the socket, in its next iteration.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def port_of(server: asyncio.Server) -> int:
    """Return the port that a server listens on."""
    return int(server.sockets[0].getsockname()[1])
