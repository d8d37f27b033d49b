"""Pools that check a connection before each use, and drop its data on closing."""

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
"""Seconds of rest at a PABX with a cap: five more connections at 50 calls/s."""


class CheckedConnector(aiohttp.TCPConnector):
    """A pool that reuses a connection only after a rest, and only while it is quiet.

    An idle connection can be read when it has ended, or when an answer came that
    nobody asked for and that would be taken for the next call's answer. The pool finds
    both before the next call is sent, and takes another connection: nothing is lost.
    When a connection that was just opened can be read, the attempt ends, unsent:
    another connection would be no better.

    The connection that was given back first is taken first, so that each rests as long
    as possible. Where all idle ones still rest, a new connection is opened, unless at
    least as many rest as calls are on the wire and as a cap lets start in one rest.

    Args:
        options: Options of ``aiohttp.TCPConnector``.

    Attributes:
        unanswered: Calls that were lost while none was ever answered here.
        tried: The IP addresses to which connections were tried last, in order.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rest = self._spare = 0.0
        self._state = PoolState()
        self._factory = partial(TrackedProtocol, self._loop, self._state)  # type: ignore[assignment]  # takes no more arguments
        self._made: ResponseHandler | None = None
        self.tried: dict[str, None] = {}
        self.unanswered = 0

    def serve(self, rate: RateLimit | None, rest: float | None) -> None:
        """Set the rest of connections for one more PABX at this host.

        Args:
            rate: The cap of the PABX, None where it has none.
            rest: Seconds of rest, None for the default with this cap.
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
            aiohttp.ClientConnectionError: If a new connection can be read.
        """
        while True:
            if self._state.must_sweep:
                self._sweep()
            # aiohttp looks in the pool too, but later; nearly always one is there.
            key = req.connection_key
            connection = None if req.proxy else await self._get(key, traces)
            if connection is None:
                connection = await super().connect(req, traces, timeout)
            protocol: Any = connection.protocol
            # No other task runs between the opening of a connection and this line.
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
        """Close all connections, and drop the data that they still buffer."""
        # Retired connections that are watched are in no list of aiohttp's.
        for protocol in (*self._acquired, *self._state.open):
            protocol.abort()
        await super().close(abort_ssl=abort_ssl)
        await asyncio.sleep(0)  # the loop calls connection_lost in its next round

    @property
    def ever_answered(self) -> bool:
        """Whether an answer was ever read to its end on one of its connections."""
        return self._state.slowest > 0

    def retire_idle(self) -> None:
        """Let no idle connection serve a further call."""
        for protocol in list(self._state.open):
            if protocol.is_idle and protocol.was_used:
                protocol.retire()
        self._sweep()

    def _get_rested(
        self, key: "ConnectionKey", traces: "list[Trace]"
    ) -> "Coroutine[Any, Any, Connection | None]":
        """Return the connection that rested longest, None where a new one is opened."""
        # It replaces _get only where connections rest, so that other pools are faster.
        idle, rest = self._conns.get(key), self._rest
        if self._state.was_breached:  # the PABX may break the protocol again
            rest = max(rest, self._state.watch_seconds)
        if idle and monotonic() - idle[0][1] < rest:
            if self._has_room(len(idle)):
                return _nothing()
            # aiohttp keeps connections in the pool that have ended meanwhile.
            if self._has_room(sum(one[0].is_connected() for one in idle)):
                return _nothing()
        return super()._get(key, traces)

    def _let_rest(self) -> None:
        if self._rest or self._state.was_breached:
            self._get = self._get_rested  # type: ignore[method-assign]  # see there

    def _has_room(self, resting: int) -> bool:
        """Whether one more connection may be opened although some rest."""
        busy = len(self._acquired)
        if self._limit and resting + busy >= self._limit:
            return False
        return self._state.was_breached or resting < max(self._spare, busy)

    def _sweep(self) -> None:
        """Take retired connections out of the pool; each closes after its watch."""
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
        self.tried.clear()
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
    """Return None in place of a connection."""


async def _let_it_read(protocol: TrackedProtocol) -> None:
    """Let the loop read the bytes that wait on a connection."""
    # An answer that nobody asked for is then found to be a protocol violation.
    for _ in range(3):  # asyncio's loops read within two rounds, libuv's within three
        if not protocol.is_connected():
            return
        await asyncio.sleep(0)


def _is_retired(protocol: Any) -> bool:
    retired: bool = protocol.is_retired
    return retired


def _is_quiet(protocol: Any, *, is_new: bool) -> bool:
    transport = protocol.transport
    # A call that waited for a connection may get one that was retired meanwhile.
    if transport is None or protocol.should_close or protocol.is_retired:
        return False
    if is_new and transport.get_extra_info("sslcontext") is not None:
        return True  # after its handshake TLS 1.3 sends session tickets (RFC 8446, 4.6)
    return not protocol.poll_readable(0)


def _watch(transport: Any) -> Callable[[int], Any]:
    """Return a function that tells, within a number of ms, if a socket can be read."""
    # Made once for each connection: to make it takes longer than to call it.
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
        tls: The result of ``tls_of``.
    """
    how = (
        {"keepalive_timeout": pool.idle_seconds}
        if pool.reuse
        else {"force_close": True}
    )
    limit, sockets = pool.max_connections or 0, abortive_sockets(total)

    def make_socket(address: tuple[Any, ...]) -> Any:
        connector.tried[str(address[4][0])] = None
        return sockets(address)

    connector = CheckedConnector(
        limit=limit, ssl=tls, socket_factory=make_socket, **how
    )
    return connector
