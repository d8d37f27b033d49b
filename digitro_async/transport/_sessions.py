"""SessionManager: one pooled connector per PABX host, one session per PABX."""

import asyncio
from collections.abc import Awaitable, Hashable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol, Self

import aiohttp
from yarl import URL

from digitro_async.errors import ClientClosedError, WrongLoopError
from digitro_async.models import PABX
from digitro_async.privacy import Personal
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    MAX_ANSWER_BYTES,
    Evidence,
    Failure,
    Observation,
    Request,
)
from digitro_async.transport._connector import (
    CheckedConnector,
    make_connector,
    tls_of,
)
from digitro_async.transport._endpoint import Endpoint, open_endpoint
from digitro_async.transport._evidence import EvidencePayload
from digitro_async.transport._failures import failure_of

__all__ = ["Response", "SessionManager"]

_POST: Final = aiohttp.ClientSession.post
"""aiohttp's own; where a test has put something in its place, that is called."""


class Response(Protocol):
    """What is asked of an answer. Read to its end it gives its connection back."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def content(self) -> aiohttp.StreamReader: ...

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        ...


class SessionManager:
    """Holds the pooled connections to every PABX it is asked to reach.

    A connector and its session are made at the first call to a PABX, inside the
    running loop, and belong to that loop. Several clients may share one manager; it
    closes what it opened, and whoever made it closes it. PABX on one host with the
    same pool, time limits and TLS settings share one connector.

    Example::

        async with SessionManager() as sessions:
            async with DigitroClient(matriz, sessions=sessions) as first: ...
            async with DigitroClient(filial, sessions=sessions) as second: ...
    """

    def __init__(self) -> None:
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
        """Whether it was closed."""
        return self._closed

    async def exchange(  # noqa: C901 - one attempt, told in order
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """POST a request once and return what was seen. See ``Transport``.

        Raises:
            ConfigurationError: If the certificate authority of the PABX can't be read.
            WrongLoopError: If the manager belongs to another event loop.
            ClientClosedError: If it was closed.
            asyncio.CancelledError: If it is cancelled.
        """
        loop = asyncio.get_running_loop()
        endpoint = self._endpoints.get(pabx)
        if endpoint is None or self._closed or self._loop is not loop:
            endpoint = self._open(pabx)
        response: Response | None = None
        answer = b""
        failure: Failure | None = None
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - for the type checker
        cancelling = task.cancelling()
        endpoint.deadlines.start(task)
        try:
            try:
                response = await self._post(endpoint, request, evidence)
                content = response.content
                if content.is_eof():  # it came in one piece, as nearly all do
                    answer = content.read_nowait()
                else:
                    answer = await _read_answer(content)
                if len(answer) > MAX_ANSWER_BYTES:
                    failure = Failure.OVERSIZED
            except Exception as error:  # noqa: BLE001 - becomes a value, whatever it is
                failure = failure_of(
                    error, waiting_for_pool=evidence.waiting_for_connection
                )
        except BaseException:
            if response is not None:
                response.close()
            if not endpoint.deadlines.stop(task) or task.uncancel() > cancelling:
                raise  # somebody else wished it
            failure = (
                Failure.POOL_TIMEOUT
                if evidence.waiting_for_connection
                else Failure.TIMEOUT
            )
        else:
            if endpoint.deadlines.stop(task):
                task.uncancel()
        if response is None:
            return Observation(evidence.request_started, failure=failure)
        status = response.status
        if status == ACCEPTED_STATUS and failure is None and evidence.request_started:
            return Observation(evidence.request_started, status, answer)
        response.close()  # an upgrade would stay open; what was read to its end stays
        asked = response.headers.get("Retry-After")
        wait = None if asked is None else Personal(asked)
        return Observation(evidence.request_started, status, answer, failure, wait)

    async def aclose(self) -> None:
        """Close every connection; calls on the wire are cut off, so drain before.

        Raises:
            WrongLoopError: If the manager belongs to another event loop.
        """
        if self._closed:
            return
        self._check_loop()
        self._closed = True
        async with AsyncExitStack() as every:  # goes on where one is cancelled
            for connector in self._connectors.values():
                every.push_async_callback(connector.close)
            for endpoint in self._endpoints.values():
                endpoint.deadlines.close()
                every.push_async_callback(endpoint.session.close)
            self._endpoints.clear()
            self._connectors.clear()

    def _post(
        self, endpoint: Any, request: Request, evidence: Evidence
    ) -> Awaitable[Response]:
        """Send the request; the response's content is still to be read."""
        content = EvidencePayload(request.body, evidence)
        url = endpoint.urls[request.path]
        session: Any = endpoint.session
        posting: Awaitable[Response]
        if endpoint.is_plain and aiohttp.ClientSession.post is _POST:
            # What it does, without the wrapping. Tools that hook in replace this one.
            posting = session._request(  # noqa: SLF001 - of releases looked at
                "POST", url, data=content, allow_redirects=False
            )
        else:
            posting = session.post(
                url,
                data=content,
                allow_redirects=False,
                trace_request_ctx=evidence,
            )
        return posting

    def _make_endpoint(self, _: PABX, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint of a PABX, made of a plain one."""
        return endpoint

    def _open(self, pabx: PABX) -> Endpoint:
        self.check_usable()
        if pabx in self._endpoints:
            return self._endpoints[pabx]
        connector = self._connector_of(pabx)
        connector.serve(pabx.rate, pabx.pool.rest)
        endpoint = self._make_endpoint(pabx, open_endpoint(pabx, connector))
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
        """Check that it is open and belongs to the running loop.

        Raises:
            ClientClosedError: If it was closed.
            WrongLoopError: If it belongs to another event loop.
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


async def _read_answer(content: aiohttp.StreamReader) -> bytes:
    """Read the body, stopping just above the cap."""
    parts = []
    left = MAX_ANSWER_BYTES + 1
    while left > 0 and not content.at_eof():
        part = await content.read(left)
        left -= len(part)
        parts.append(part)
    return b"".join(parts)
