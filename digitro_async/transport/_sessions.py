"""SessionManager: one pooled connector per PABX host, one session per PABX."""

import asyncio
from asyncio import get_running_loop
from collections.abc import Coroutine, Hashable
from contextlib import AsyncExitStack
from functools import partial
from time import monotonic
from typing import Any, Self

import attrs
from yarl import URL

from digitro_async._common.own_loop import OwnLoop
from digitro_async._common.unclosed import warn_unclosed
from digitro_async.errors import ClientClosedError, ConfigurationError
from digitro_async.models import PABX
from digitro_async.protocol import Evidence, Observation, OutgoingRequest, Request
from digitro_async.settings import TLSSettings
from digitro_async.transport._connector import (
    CheckedConnector,
    make_connector,
)
from digitro_async.transport._direct import ask_directly
from digitro_async.transport._endpoint import Endpoint, open_endpoint
from digitro_async.transport._exchange import exchange_once
from digitro_async.transport._hooks import methods_are_replaced
from digitro_async.transport._public import ask_publicly
from digitro_async.transport._reuse_rule import ReuseRule
from digitro_async.transport._streams import (
    ClientStream,
    ask_once,
    open_client_stream,
)
from digitro_async.transport._tls import tls_of

__all__ = ["SessionManager"]


class SessionManager:
    """Holds the pooled connections to each PABX that it sends requests to.

    A connector and its session are made at the first call to a PABX, inside the
    running loop, and belong to that loop. Several clients may share one manager.
    Whoever made the manager closes it, and the manager then closes all that it opened.
    Several PABX on one host share one connector if they have the same pool and TLS
    settings and the same total time limit.

    A call is written on its connection directly, unless a tool has hooked into aiohttp:
    where sessions are traced, or a method of ``ClientSession`` was replaced, as test
    tools do, the call takes aiohttp's public way and the tool sees it.

    Args:
        public: Whether all calls take aiohttp's public way, for a tool that hooks in
            unseen. It keeps the same promises and takes more CPU.

    Example::

        async with SessionManager() as sessions:
            async with DigitroClient(matriz, sessions=sessions) as first: ...
            async with DigitroClient(filial, sessions=sessions) as second: ...
    """

    def __init__(self, *, public: bool = False) -> None:
        self._public = public
        self._connectors: dict[Hashable, CheckedConnector] = {}
        self._endpoints: dict[PABX, Endpoint] = {}
        self._last_pabx: PABX | None = None  # of the last call, and its endpoint
        self._last: Any = None
        self._own_loop = OwnLoop()
        self._tls: dict[TLSSettings, Any] = {}
        self._reuse: dict[URL, ReuseRule] = {}  # for each host
        self._replaced: list[Endpoint] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._was_entered = self._closed = False

    async def __aenter__(self) -> Self:
        self.check_usable()
        self._was_entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.hosts} hosts"
        return f"<SessionManager {state}>"

    def __del__(self) -> None:
        if self._was_entered and not self._closed:
            way_out = 'use it as "async with", or await its aclose()'
            warn_unclosed(self, self._own_loop.place, way_out)

    @property
    def hosts(self) -> int:
        """The number of hosts that connections were opened for."""
        return len(self._connectors)

    @property
    def closed(self) -> bool:
        """Whether the manager was closed."""
        return self._closed

    # No async def: a task that is woken passes through every coroutine it awaits.
    def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Coroutine[Any, Any, Observation]:
        """POST a request once and return the observation. See ``Transport``.

        Raises:
            ConfigurationError: If the file of the PABX's certificate authority can't be
                read.
            WrongLoopError: If the manager belongs to another event loop.
            ClientClosedError: If the manager was closed.
            asyncio.CancelledError: If the task is cancelled.
        """
        endpoint = self._last
        if self._last_pabx is not pabx or self._loop is not get_running_loop():
            endpoint = self._find(pabx)
        if self._public or endpoint.is_hooked or methods_are_replaced():
            return exchange_once(ask_publicly, endpoint, request, evidence)
        return exchange_once(ask_directly, endpoint, request, evidence)

    async def open_stream(self, pabx: PABX, request: OutgoingRequest) -> ClientStream:
        """Send a request and return the stream that is the answer.

        Its connection is no pooled one, and takes no place of a call. Whoever opened
        the stream closes it.

        Raises:
            StreamError: If there is no stream.
            ConfigurationError: If the file of the PABX's certificate authority can't be
                read.
            WrongLoopError: If the manager belongs to another event loop.
            ClientClosedError: If the manager was closed.
        """
        self.check_usable()
        return await open_client_stream(pabx, request, self._tls_for(pabx, request))

    async def ask(self, pabx: PABX, request: OutgoingRequest) -> tuple[int, bytes]:
        """Send a request about a channel once; return status and body of the answer.

        Raises:
            StreamError: If there is no whole answer.
            ConfigurationError: If the file of the PABX's certificate authority can't be
                read.
            WrongLoopError: If the manager belongs to another event loop.
            ClientClosedError: If the manager was closed.
        """
        self.check_usable()
        return await ask_once(pabx, request, self._tls_for(pabx, request))

    async def warm(self, pabx: PABX, connections: int = 1) -> int:
        """Open connections to a PABX ahead of its first calls; nothing is sent.

        Args:
            pabx: The PABX.
            connections: Connections that are enough, with those that are open.

        Returns:
            Connections that were opened. Fewer where the PABX can't be reached, more
            than ``max_connections`` would be open, or connections are not kept.

        Raises:
            ConfigurationError: If the file of the PABX's certificate authority can't be
                read.
            WrongLoopError: If the manager belongs to another event loop.
            ClientClosedError: If the manager was closed.
        """
        self.check_usable()
        return await self._open(pabx).warm(connections)

    async def aclose(self) -> None:
        """Close every connection, also those of calls on the wire: drain before.

        Raises:
            WrongLoopError: If the manager belongs to another event loop.
        """
        if self._closed:
            return
        self._own_loop.check(self)
        self._closed = True
        self._last_pabx = self._last = None
        async with AsyncExitStack() as every:  # closes the rest if one fails
            for connector in self._connectors.values():
                every.push_async_callback(connector.close)
            for endpoint in (*self._endpoints.values(), *self._replaced):
                endpoint.deadlines.close()
                every.push_async_callback(endpoint.session.close)
            self._endpoints.clear()
            self._replaced.clear()
            self._connectors.clear()

    def _find(self, pabx: PABX) -> Endpoint:
        """Return the endpoint of a PABX, and keep it at hand for the next call."""
        endpoint = self._endpoints.get(pabx)
        if endpoint is None or self._closed or self._loop is not get_running_loop():
            endpoint = self._open(pabx)
        self._last_pabx, self._last = pabx, endpoint
        return endpoint

    def _open(self, pabx: PABX) -> Endpoint:
        self.check_usable()
        if pabx in self._endpoints:
            return self._endpoints[pabx]
        rule = self._reuse.setdefault(_origin_of(pabx), ReuseRule())
        used = pabx
        if rule.is_over:
            used = attrs.evolve(pabx, pool=attrs.evolve(pabx.pool, reuse=False))
        connector = self._connector_of(used)
        connector.pool.serve(pabx.rate, pabx.pool.rest)
        note = partial(self._note_lost_reuse, pabx)
        endpoint = open_endpoint(used, connector, note)
        self._endpoints[pabx] = endpoint
        return endpoint

    def _note_lost_reuse(self, pabx: PABX) -> bool:
        """Note a loss on a used connection; return whether the reuse ends with it.

        From then on each call to that host has a new connection of its own. Calls that
        are on the wire keep theirs.
        """
        self._last_pabx = self._last = None
        origin = _origin_of(pabx)
        if not self._reuse[origin].note_loss(monotonic()):
            return False
        for other in [one for one in self._endpoints if _origin_of(one) == origin]:
            replaced = self._endpoints.pop(other)
            self._replaced.append(replaced)
            replaced.pool.retire_idle()
        return True

    def _connector_of(self, pabx: PABX) -> CheckedConnector:
        key = (_origin_of(pabx), pabx.pool, pabx.timeouts.total, pabx.tls)
        if key not in self._connectors:
            tls, total = self._tls_of(pabx), pabx.timeouts.total
            self._connectors[key] = make_connector(pabx.pool, total, tls)
        return self._connectors[key]

    def load_tls(self, pabx: PABX) -> None:
        """Read the file of the certificate authority of a PABX, if it has one.

        A client does so when it is made: a file that can't be used ends no call.

        Raises:
            ConfigurationError: If the file can't be used, or TLS is not.
        """
        self._tls_of(pabx)

    def _tls_of(self, pabx: PABX) -> Any:
        if not pabx.base_url.startswith("https:"):
            if pabx.tls != TLSSettings():
                raise ConfigurationError(
                    f"PABX {pabx.name} has tls settings, which need a base_url that "
                    "begins with https://"
                )
            return True  # it is not used
        if pabx.tls not in self._tls:
            self._tls[pabx.tls] = tls_of(pabx.tls)
        return self._tls[pabx.tls]

    def _tls_for(self, pabx: PABX, request: OutgoingRequest) -> Any:
        if request.url.startswith("https:") == pabx.base_url.startswith("https:"):
            return self._tls_of(pabx)
        # The channel has an address of its own.
        return tls_of(pabx.tls) if request.url.startswith("https:") else True

    def check_usable(self) -> None:
        """Check that the manager is open and belongs to the running loop.

        Raises:
            ClientClosedError: If the manager was closed.
            WrongLoopError: If the manager belongs to another event loop.
        """
        if self._closed:
            raise ClientClosedError(
                "the SessionManager was closed and opens no further connection: make"
                " another one"
            )
        self._loop = self._own_loop.check(self)


def _origin_of(pabx: PABX) -> URL:
    return URL(pabx.base_url, encoded=True).origin()
