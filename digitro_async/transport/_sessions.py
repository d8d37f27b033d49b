"""SessionManager: one pooled connector per PABX host, one session per PABX."""

import asyncio
from collections.abc import Coroutine, Hashable
from contextlib import AsyncExitStack
from typing import Any, Self

from yarl import URL

from digitro_async.errors import ClientClosedError, WrongLoopError
from digitro_async.models import PABX
from digitro_async.protocol import Evidence, Observation, Request
from digitro_async.transport._abortive_sockets import tls_of
from digitro_async.transport._connector import (
    CheckedConnector,
    make_connector,
)
from digitro_async.transport._direct import ask_directly
from digitro_async.transport._endpoint import Endpoint, open_endpoint
from digitro_async.transport._exchange import exchange_once
from digitro_async.transport._hooks import methods_are_replaced
from digitro_async.transport._public import ask_publicly

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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        self.check_usable()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._connectors)} hosts"
        return f"<SessionManager {state}>"

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
        loop = asyncio.get_running_loop()
        endpoint = self._endpoints.get(pabx)
        if endpoint is None or self._closed or self._loop is not loop:
            endpoint = self._open(pabx)
        is_public = self._public or endpoint.is_hooked or methods_are_replaced()
        ask = ask_publicly if is_public else ask_directly
        return exchange_once(ask, endpoint, request, evidence)

    async def aclose(self) -> None:
        """Close every connection, also those of calls on the wire: drain before.

        Raises:
            WrongLoopError: If the manager belongs to another event loop.
        """
        if self._closed:
            return
        self._check_loop()
        self._closed = True
        async with AsyncExitStack() as every:  # closes the rest if one fails
            for connector in self._connectors.values():
                every.push_async_callback(connector.close)
            for endpoint in self._endpoints.values():
                endpoint.deadlines.close()
                every.push_async_callback(endpoint.session.close)
            self._endpoints.clear()
            self._connectors.clear()

    def _open(self, pabx: PABX) -> Endpoint:
        self.check_usable()
        if pabx in self._endpoints:
            return self._endpoints[pabx]
        connector = self._connector_of(pabx)
        connector.pool.serve(pabx.rate, pabx.pool.rest)
        endpoint = open_endpoint(pabx, connector)
        self._endpoints[pabx] = endpoint
        return endpoint

    def _connector_of(self, pabx: PABX) -> CheckedConnector:
        origin = URL(pabx.base_url, encoded=True).origin()
        key = (origin, pabx.pool, pabx.timeouts.total, pabx.tls)
        if key not in self._connectors:
            tls = tls_of(pabx.tls)
            total = pabx.timeouts.total
            self._connectors[key] = make_connector(pabx.pool, total, tls)
        return self._connectors[key]

    def check_usable(self) -> None:
        """Check that the manager is open and belongs to the running loop.

        Raises:
            ClientClosedError: If the manager was closed.
            WrongLoopError: If the manager belongs to another event loop.
        """
        if self._closed:
            raise ClientClosedError("the SessionManager was closed")
        self._check_loop()

    def _check_loop(self) -> None:
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = running
        elif self._loop is not running:
            raise WrongLoopError(
                "this SessionManager belongs to another event loop; make one per loop"
            )
