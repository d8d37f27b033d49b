"""The direct way to send: on aiohttp's pooled connections, without its sessions.

aiohttp's connector makes, checks, pools and closes the connections, and its parser
reads the answers. The ``ClientSession`` between them, a fifth of the transport's work,
is left out. So tools that hook into sessions, or that replace sessions in tests, see
nothing of these calls.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import attrs
from aiohttp.tracing import Trace
from yarl import URL

from digitro_async.models import PABX
from digitro_async.protocol import Evidence, Request
from digitro_async.transport._endpoint import Endpoint, PerPath
from digitro_async.transport._exchange import Response
from digitro_async.transport._prepared_request import Answer, send
from digitro_async.transport._sessions import SessionManager

__all__ = ["LeanSessionManager"]


@attrs.frozen
class _DirectEndpoint(Endpoint):
    """An endpoint of the direct way.

    Attributes:
        request: Request that tells the connector where to connect; it is never sent.
        composers: Request builder for each path; it returns a whole request.
        answer: Class of the answers.
        phases: Time limits for getting a connection.
        read_timeout: Most seconds of silence, None where the deadline comes first.
    """

    request: aiohttp.ClientRequest
    composers: PerPath[Callable[[bytes], bytes]]
    answer: type[Answer]
    phases: aiohttp.ClientTimeout
    read_timeout: float | None


class LeanSessionManager(SessionManager):
    """A ``SessionManager`` without aiohttp's sessions, which takes a seventh less CPU.

    It makes the same promises and passes the same tests. It uses aiohttp's connections
    itself, so a new release of aiohttp may break it sooner: that is why a program has
    to ask for it::

        async with LeanSessionManager() as sessions:
            async with DigitroClient(pabx, sessions=sessions) as client: ...
    """

    def _make_endpoint(self, pabx: PABX, endpoint: Endpoint) -> Endpoint:
        request = aiohttp.ClientRequest(
            "POST",
            URL(pabx.base_url, encoded=True),
            loop=asyncio.get_running_loop(),
            session=endpoint.session,
        )
        phases = endpoint.session.timeout
        urls = endpoint.urls
        return _DirectEndpoint(
            endpoint.session,
            urls,
            endpoint.deadlines,
            endpoint.is_plain,
            endpoint.builders,
            endpoint.connector,
            endpoint.address,
            endpoint.is_tls,
            endpoint.note_lost_reuse,
            request,
            PerPath(lambda path: endpoint.builders(urls[path])),
            Answer.like(request),
            phases,
            phases.sock_read,
        )

    async def _post(
        self, endpoint: Any, request: Request, evidence: Evidence
    ) -> Response:
        connection = await _connect(endpoint, evidence)
        try:
            return await _ask(endpoint, connection, request, evidence)
        except BaseException:
            connection.close()
            raise


async def _connect(endpoint: _DirectEndpoint, evidence: Evidence) -> Any:
    """Return a connection, from the pool or new."""
    session = endpoint.session
    assert session.connector is not None  # noqa: S101 - for the type checker
    traces = [Trace(session, config, evidence) for config in session.trace_configs]  # type: ignore[arg-type]  # any context will do
    try:
        return await session.connector.connect(
            endpoint.request, traces, endpoint.phases
        )
    except aiohttp.ClientError:
        raise
    except TimeoutError:
        pass
    raise aiohttp.ConnectionTimeoutError


async def _ask(
    endpoint: _DirectEndpoint, connection: Any, request: Request, evidence: Evidence
) -> Answer:
    """Send a request on a connection and return the answer."""
    protocol = connection.protocol
    protocol.set_response_params(
        read_until_eof=True,
        auto_decompress=False,
        read_timeout=endpoint.read_timeout,
        timeout_ceil_threshold=endpoint.phases.ceil_threshold,
    )
    protocol.begin(evidence)
    send(protocol, endpoint.composers[request.path](request.body), evidence)
    return await endpoint.answer(connection).start(connection)
