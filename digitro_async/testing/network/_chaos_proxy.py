"""A TCP proxy that does to a network what networks do."""

import asyncio
import random
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Literal, Self, TypeVar

from digitro_async.errors import ConfigurationError
from digitro_async.testing.network._chaos_flow import Flow, Pair
from digitro_async.testing.network._toxics import Toxic

__all__ = ["ChaosProxy"]

_Stream = Literal["upstream", "downstream"]
_Kind = TypeVar("_Kind", bound=Toxic)
_BACKLOG: Final = 1024


class ChaosProxy:
    """Stands between a client and a PABX and makes the way between them bad.

    Toxics are added and removed while it runs, and act on connections that are open
    as well as on new ones, in the order in which they were added. ::

        async with FakePABX() as pabx, ChaosProxy(pabx.host, pabx.port) as proxy:
            settings = pabx.settings(base_url=proxy.base_url)
            async with DigitroClient(settings) as client:
                proxy.add(Latency(0.2, jitter=0.05))
                await client.make_predictive_call(call)
                with proxy.active(ResetPeer(), stream="upstream"):
                    with pytest.raises(OutcomeUnknownError):
                        await client.make_predictive_call(call)

    It knows nothing of HTTP and passes TLS on as it is; put ``https`` into the base
    URL for that.

    Args:
        host: Where the PABX listens.
        port: Its port.
        listen_host: Address to listen on.
        listen_port: Port to listen on; 0 takes a free one.
        seed: Seed of the toxics' chance.

    Attributes:
        connections: Connections that were accepted.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        listen_host: str = "127.0.0.1",
        listen_port: int = 0,
        seed: int = 0,
    ) -> None:
        self.connections = 0
        self._target = (host, port)
        self._host = listen_host
        self._port = listen_port
        self._seed = seed
        self._toxics: dict[str, dict[Toxic, float]] = {"upstream": {}, "downstream": {}}
        self._server: asyncio.Server | None = None
        self._flows: set[Flow] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()

    def __repr__(self) -> str:
        count = sum(len(toxics) for toxics in self._toxics.values())
        return f"<ChaosProxy {self._host}:{self._port} toxics={count}>"

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
            raise ConfigurationError("the proxy is running")
        self._server = await asyncio.start_server(
            self._accept, self._host, self._port, backlog=_BACKLOG
        )
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def aclose(self) -> None:
        """Break off every connection and stop listening."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """The port; 0 before a free one was taken."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a client calls the base URL, for http."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def add(self, toxic: _Kind, *, stream: _Stream = "downstream") -> _Kind:
        """Let a toxic act from now on, and return it.

        Args:
            toxic: The toxic.
            stream: "downstream" is what the PABX sends, "upstream" what the client
                sends.

        Raises:
            ConfigurationError: If it acts already, or there is no such stream.
        """
        if stream not in self._toxics:
            raise ConfigurationError("stream must be upstream or downstream")
        if any(toxic in toxics for toxics in self._toxics.values()):
            raise ConfigurationError("the toxic acts already; make another one")
        self._toxics[stream][toxic] = asyncio.get_running_loop().time()
        self._notice()
        return toxic

    def remove(self, toxic: Toxic) -> None:
        """Let a toxic act no more; what it holds back goes on at once.

        Raises:
            ConfigurationError: If it does not act.
        """
        if not any(toxic in toxics for toxics in self._toxics.values()):
            raise ConfigurationError("the toxic does not act")
        for toxics in self._toxics.values():
            toxics.pop(toxic, None)
        self._notice()

    @contextmanager
    def active(self, toxic: Toxic, *, stream: _Stream = "downstream") -> Iterator[None]:
        """Let a toxic act within a ``with`` block.

        Raises:
            ConfigurationError: See ``add``.
        """
        self.add(toxic, stream=stream)
        try:
            yield
        finally:
            self.remove(toxic)

    def _notice(self) -> None:
        for flow in self._flows:
            flow.notice()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(
            self._serve(self.connections, reader, writer)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        try:
            there, away = await asyncio.open_connection(*self._target)
        except OSError:
            Pair(writer).reset()
            return
        self._writers.add(away)
        pair = Pair(writer, away)
        flows = [
            Flow(source, sink, pair, self._toxics[stream], self._chance(number, stream))
            for stream, source, sink in (
                ("upstream", reader, away),
                ("downstream", there, writer),
            )
        ]
        self._flows.update(flows)
        try:
            await asyncio.gather(*(flow.run() for flow in flows))
        finally:
            self._flows.difference_update(flows)
            if not pair.ended:
                pair.close()

    def _chance(self, number: int, stream: str) -> random.Random:
        return random.Random(f"{self._seed}/{number}/{stream}")
