"""Connections that die at once when closed, and pools that check before they reuse."""

import asyncio
import select
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from digitro_async.settings import PoolSettings, RateLimit
from digitro_async.transport._abortive_sockets import abortive_sockets
from digitro_async.transport._tracked import PoolState, TrackedProtocol

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest, ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["CheckedConnector", "make_connector"]

DEFAULT_REST = 0.1
"""Seconds that connections to a PABX with a cap rest: five more at 50 calls/s."""


class CheckedConnector(aiohttp.TCPConnector):
    """A pool that reuses a connection only after a rest, and only while it is quiet.

    Bytes that arrive on an idle connection are either its end or an answer that
    nobody asked for, which would be taken for the next call's answer. Both are seen
    here before the next call is sent, so nothing is lost: another connection is taken.
    On a connection made a moment ago they mean that there is no use in trying again
    at once: the attempt ends, unsent.

    The connection that was given back first is taken first, so each rests as long as
    can be. Where all rest still, a new one is made, unless there is one for every call
    on the wire already, and as many as a cap lets come meanwhile.

    Args:
        options: Of ``aiohttp.TCPConnector``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rest = self._spare = 0.0
        self._state = PoolState()
        self._factory = partial(TrackedProtocol, self._loop, self._state)  # type: ignore[assignment]  # takes no more arguments
        self._made: ResponseHandler | None = None

    def serve(self, rate: RateLimit | None, rest: float | None) -> None:
        """Let connections rest as suits one more PABX at this host.

        Args:
            rate: Its cap.
            rest: Seconds, None for what suits the cap.
        """
        if rest is None:
            rest = 0.0 if rate is None else DEFAULT_REST
        self._rest = max(self._rest, rest)
        self._let_rest()
        if rate is not None:
            self._spare += rate.calls / rate.per * rest

    async def connect(
        self,
        req: "ClientRequest",
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,
    ) -> "Connection":
        """Return a connection on which nothing waits to be read.

        Raises:
            aiohttp.ClientConnectionError: If something waits on a new one.
        """
        while True:
            if self._state.must_sweep:
                self._sweep()
            # aiohttp looks in the pool too, a step further: nearly always one is there.
            key = req.connection_key
            connection = None if req.proxy else await self._get(key, traces)
            if connection is None:
                connection = await super().connect(req, traces, timeout)
            protocol: Any = connection.protocol
            # Nothing else runs between the making of a connection and this line.
            is_new, self._made = protocol is self._made, None
            if protocol is not None and _is_quiet(protocol, is_new=is_new):
                return connection
            try:
                if protocol is not None and not is_new:
                    await _let_it_read(protocol)
            finally:
                connection.close()
            if is_new:
                raise aiohttp.ClientConnectionError("it spoke or ended unasked")

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections; what is still buffered is not delivered."""
        # Those that are only watched are in no list of aiohttp's.
        for protocol in (*self._acquired, *self._state.open):
            protocol.abort()
        await super().close(abort_ssl=abort_ssl)
        await asyncio.sleep(0)  # they are told of their end in the loop's next turn

    def _get_rested(
        self, key: "ConnectionKey", traces: "list[Trace]"
    ) -> "Coroutine[Any, Any, Connection | None]":
        """Return the connection that rested longest, None where a new one is made.

        It stands for ``_get`` where connections rest: others need not pay for that.
        """
        idle, rest = self._conns.get(key), self._rest
        if self._state.was_breached:  # it may do so again
            rest = max(rest, self._state.watch_seconds)
        if idle and monotonic() - idle[0][1] < rest and self._has_room(len(idle)):
            return _nothing()
        return super()._get(key, traces)

    def _let_rest(self) -> None:
        if self._rest or self._state.was_breached:
            self._get = self._get_rested  # type: ignore[method-assign]  # see there

    def _has_room(self, resting: int) -> bool:
        """Whether one more may be made although some rest."""
        busy = len(self._acquired)
        if self._limit and resting + busy >= self._limit:
            return False
        return self._state.was_breached or resting < max(self._spare, busy)

    def _sweep(self) -> None:
        """Take retired connections out of the pool; they are closed by themselves."""
        self._state.must_sweep = False
        self._let_rest()
        for key, idle in list(self._conns.items()):
            kept = type(idle)(one for one in idle if not _is_retired(one[0]))
            if kept:
                self._conns[key] = kept
            else:
                del self._conns[key]

    async def _create_connection(
        self,
        req: "ClientRequest",
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,
    ) -> ResponseHandler:
        made = self._made = await super()._create_connection(req, traces, timeout)
        watched: Any = made
        watched.poll_readable = _watch(made.transport)
        return made

    def _release(
        self,
        key: "ConnectionKey",
        protocol: ResponseHandler,
        *,
        should_close: bool = False,
    ) -> None:
        if should_close:
            protocol.abort()  # close() would first deliver what is still buffered
        elif type(protocol) is TrackedProtocol:
            protocol.give_back()
            if protocol.is_retired and not self._force_close:
                self._release_acquired(key, protocol)
                return
        super()._release(key, protocol, should_close=should_close)


async def _nothing() -> None:
    """Return None, awaited."""


async def _let_it_read(protocol: TrackedProtocol) -> None:
    """Let the loop read what waits: an answer that nobody asked for is a breach."""
    for _ in range(3):  # asyncio's loops read within two turns, libuv's within three
        if not protocol.is_connected():
            return
        await asyncio.sleep(0)


def _is_retired(protocol: Any) -> bool:
    retired: bool = protocol.is_retired
    return retired


def _is_quiet(protocol: Any, *, is_new: bool) -> bool:
    transport = protocol.transport
    # Whoever waited for a place may be given one that was retired in the meantime.
    if transport is None or protocol.should_close or protocol.is_retired:
        return False
    if is_new and transport.get_extra_info("sslcontext") is not None:
        return True  # after its handshake TLS 1.3 sends session tickets (RFC 8446, 4.6)
    return not protocol.poll_readable(0)


def _watch(transport: Any) -> Callable[[int], Any]:
    """Return what says, after so many ms at most, whether something waits to be read.

    Made once for a connection: making it takes longer than asking it.
    """
    sock = None if transport is None else transport.get_extra_info("socket")
    if sock is None:
        return lambda _: False
    if sock.fileno() < 0:  # closed in the meantime
        return lambda _: True
    if not hasattr(select, "poll"):  # pragma: no cover - Windows
        return lambda _: select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return poll.poll


def make_connector(pool: PoolSettings, total: float, tls: Any) -> CheckedConnector:
    """Return the connector of one PABX host. Needs a running loop.

    Args:
        pool: How connections are kept.
        total: Seconds of one whole attempt.
        tls: What ``tls_of`` returned.
    """
    how = (
        {"keepalive_timeout": pool.idle_seconds}
        if pool.reuse
        else {"force_close": True}
    )
    limit, sockets = pool.max_connections or 0, abortive_sockets(total)
    return CheckedConnector(limit=limit, ssl=tls, socket_factory=sockets, **how)
