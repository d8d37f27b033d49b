"""A TCP proxy that spoils connections as bad networks do."""

import asyncio
import random
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final, Literal, TypeVar

from digitro_async.errors import ConfigurationError
from digitro_async.testing._listening import (
    ListeningServer,
    let_connections_end,
    port_of,
)
from digitro_async.testing.network._chaos_flow import Flow, FlowEnds
from digitro_async.testing.network._toxics import Toxic

__all__ = ["ChaosProxy"]

_Stream = Literal["upstream", "downstream"]
_Kind = TypeVar("_Kind", bound=Toxic)
_BACKLOG: Final = 1024


class ChaosProxy(ListeningServer):
    """Passes bytes between a client and a PABX through toxics.

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

    It knows no HTTP and passes TLS on as it is; put ``https`` into the base URL for
    that.

    Args:
        host: Address that the PABX listens on.
        port: Port of the PABX.
        listen_host: Address to listen on.
        listen_port: Port to listen on; 0 takes a free one.
        seed: Seed of the toxics' chance.

    Attributes:
        connections: Connections that were accepted.
        host: Address that the proxy listens on.
    """

    _TITLE: ClassVar = "chaos proxy"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        listen_host: str = "127.0.0.1",
        listen_port: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(listen_host, listen_port)
        self.connections: int = 0
        self._target = (host, port)
        self._seed = seed
        self._toxics: dict[str, dict[Toxic, float]] = {"upstream": {}, "downstream": {}}
        self._server: asyncio.Server | None = None
        self._flows: set[Flow] = set()
        self._writers: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()

    def __repr__(self) -> str:
        count = sum(len(toxics) for toxics in self._toxics.values())
        return f"<ChaosProxy {self.host}:{self._port} toxics={count}>"

    async def _open(self) -> int:
        """Begin to listen and return the port."""
        self._server = await asyncio.start_server(
            self._accept, self.host, self._port, backlog=_BACKLOG
        )
        return port_of(self._server)

    async def _close(self) -> None:
        """Stop listening and abort every connection."""
        if self._server is not None:
            self._server.close()
        await self._cancel_tasks()
        for writer in list(self._writers):
            writer.transport.abort()
        await let_connections_end()

    def add(self, toxic: _Kind, *, stream: _Stream = "downstream") -> _Kind:
        """Let a toxic act from now on, and return it.

        Args:
            toxic: The toxic.
            stream: "downstream" for the bytes from the PABX, "upstream" for those from
                the client.

        Raises:
            ConfigurationError: If it acts already, or there is no such stream.
        """
        if stream not in self._toxics:
            raise ConfigurationError("stream must be upstream or downstream")
        if any(toxic in toxics for toxics in self._toxics.values()):
            raise ConfigurationError("the toxic acts already; make another one")
        self._toxics[stream][toxic] = asyncio.get_running_loop().time()
        self._toxics_changed()
        return toxic

    def remove(self, toxic: Toxic) -> None:
        """Let a toxic act no more; data that it holds back goes on at once.

        Raises:
            ConfigurationError: If it does not act.
        """
        if not any(toxic in toxics for toxics in self._toxics.values()):
            raise ConfigurationError("the toxic does not act; add it first")
        for toxics in self._toxics.values():
            toxics.pop(toxic, None)
        self._toxics_changed()

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

    def _toxics_changed(self) -> None:
        for flow in self._flows:
            flow.toxics_changed()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        self._begin_task(self._serve(self.connections, reader, writer))

    async def _serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        try:
            pabx_reader, pabx_writer = await asyncio.open_connection(*self._target)
        except OSError:
            FlowEnds(writer).reset()
            return
        self._writers.add(pabx_writer)
        ends = FlowEnds(writer, pabx_writer)
        flows = [
            Flow(source, sink, ends, self._toxics[stream], self._chance(number, stream))
            for stream, source, sink in (
                ("upstream", reader, pabx_writer),
                ("downstream", pabx_reader, writer),
            )
        ]
        self._flows.update(flows)
        try:
            await asyncio.gather(*(flow.run() for flow in flows))
        finally:
            self._flows.difference_update(flows)
            if not ends.ended:
                ends.close()

    def _chance(self, number: int, stream: str) -> random.Random:
        return random.Random(f"{self._seed}/{number}/{stream}")
