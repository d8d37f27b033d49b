"""Makes connections by aiohttp, keeps them, and lends them to aiohttp's sessions."""

import asyncio
import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp

from digitro_async.protocol import Evidence
from digitro_async.settings import PoolSettings
from digitro_async.transport._abortive_sockets import abortive_sockets
from digitro_async.transport._evidence import EvidencePayload
from digitro_async.transport._pool import ConnectionPool
from digitro_async.transport._tracked import TrackedProtocol

if TYPE_CHECKING:
    from aiohttp.tracing import Trace

__all__ = ["CheckedConnector", "make_connector"]


class CheckedConnector(aiohttp.TCPConnector):
    """A connector whose connections are pooled by this library.

    aiohttp resolves, connects and verifies TLS, and ends the connections. Each stays
    with this library from its opening to its end, in a ``ConnectionPool``.

    Args:
        settings: How connections are kept.
        options: Options of ``aiohttp.TCPConnector``.

    Attributes:
        pool: The pool.
        tried: The IP addresses to which connections were tried last, in order.
    """

    def __init__(self, settings: PoolSettings, **options: Any) -> None:
        # The pool keeps the limit, because aiohttp counts the idle ones as used.
        super().__init__(limit=0, force_close=not settings.reuse, **options)
        self.pool = ConnectionPool(settings)
        self.tried: dict[str, None] = {}

    async def connect(  # type: ignore[override]  # all that aiohttp asks of one
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,
    ) -> "LentConnection":
        """Return a connection on which nothing waits to be read.

        Raises:
            aiohttp.ClientConnectionError: If a new connection can be read, or a tool
                changed the body of the request.
        """
        content: Any = req.body
        if not isinstance(content, EvidencePayload):
            # Nothing would tell whether such a request left.
            raise aiohttp.ClientConnectionError("the body is not this library's")
        lent = LentConnection()
        connection = await self.take(lent, content.evidence, req, traces, timeout)
        lent.lend(connection)
        content.connection = connection
        return lent

    async def take(
        self,
        holder: object,
        evidence: Evidence,
        request: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,
    ) -> TrackedProtocol:
        """Return a connection, from the pool or new, on which nothing waits.

        Args:
            holder: The part that will use the connection.
            evidence: The evidence of the attempt.
            request: A request that tells where to connect; it is not sent.
            traces: Hooks to call.
            timeout: Time limits for getting a connection.

        Raises:
            aiohttp.ClientConnectionError: If a new connection can be read.
        """
        made = False

        async def make() -> TrackedProtocol:
            nonlocal made
            made = True
            return await self.make(request, traces, timeout)

        connection = self.pool.take_now(holder)
        if connection is None:
            connection = await self.pool.take(holder, evidence, timeout.connect, make)
        if traces and not made:
            try:
                for trace in traces:
                    await trace.send_connection_reuseconn()
            except BaseException:
                connection.give_up(holder)
                raise
        return connection

    async def make(
        self,
        request: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,
    ) -> TrackedProtocol:
        """Return a new connection.

        Args:
            request: A request that tells where to connect; it is not sent.
            traces: Hooks to call.
            timeout: Time limits for getting a connection.

        Raises:
            aiohttp.ClientConnectionError: If the new connection can be read.
        """
        self.tried.clear()
        return self._track(await super().connect(request, traces, timeout))

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections, and drop the data that they still buffer."""
        self.pool.close()
        await super().close(abort_ssl=abort_ssl)

    def _track(self, raw: Any) -> TrackedProtocol:
        """Set this library's protocol on a connection that aiohttp just made."""
        transport, reader = raw.transport, raw.protocol
        if transport is not None:
            poll_readable = _watch(transport)
            connection = TrackedProtocol(raw, self.pool, asyncio.get_running_loop())
            connection.poll_readable = poll_readable
            transport.set_protocol(connection)
            # After its handshake TLS 1.3 sends session tickets (RFC 8446, 4.6).
            is_tls = transport.get_extra_info("sslcontext") is not None
            if not (
                transport.is_closing()
                or reader.should_close
                or (not is_tls and poll_readable(0))
            ):
                return connection
            transport.abort()
        raw.close()
        raise aiohttp.ClientConnectionError("it spoke or ended unasked")


class LentConnection:
    """A connection as aiohttp's session uses it, which goes back to the pool."""

    def __init__(self) -> None:
        self._lent: TrackedProtocol | None = None

    def __getattr__(self, name: str) -> Any:
        # Whatever else aiohttp asks of a connection, its own one knows.
        lent = self.__dict__.get("_lent")
        if lent is None:
            raise AttributeError(name)
        return getattr(lent.raw, name)

    def lend(self, connection: TrackedProtocol) -> None:
        """Begin to stand for a connection."""
        self._lent = connection
        connection.expect()

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        if self._lent is not None:
            self._lent.give_up(self)

    def release(self) -> None:
        """Give the connection back."""
        if self._lent is not None and self._lent.holder is self:
            if self._lent.is_idle:  # nothing was sent on it
                self._lent.give_up(self)
            else:
                self._lent.give_back()


def _watch(transport: Any) -> Callable[[int], Any]:
    """Return a function that tells, within a number of ms, if a socket can be read."""
    # Made once for each connection: to make it takes longer than to call it.
    sock = transport.get_extra_info("socket")
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
    sockets = abortive_sockets(total)

    def make_socket(address: tuple[Any, ...]) -> Any:
        connector.tried[str(address[4][0])] = None
        return sockets(address)

    connector = CheckedConnector(pool, ssl=tls, socket_factory=make_socket)
    return connector
