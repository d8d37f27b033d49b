"""LeanSessionManager: the same pools, with an HTTP exchange that does only this POST.

aiohttp's connector makes, checks, pools and closes the connections, and its parser
reads the answers; the ``ClientSession`` between is left out: a fifth of what the
transport takes since requests are prepared. So tools that hook into sessions, or stand
in for them in tests, see nothing of these calls.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import attrs
from aiohttp.tracing import Trace

from digitro_async.models import PABX
from digitro_async.protocol import Evidence
from digitro_async.transport._line import Line
from digitro_async.transport._request import Answer, composer, send
from digitro_async.transport._sessions import Response, SessionManager

__all__ = ["LeanSessionManager"]


@attrs.frozen
class _LeanLine(Line):
    """What every call to one PABX has in common.

    Attributes:
        request: Tells the connector where to connect; never sent itself.
        compose: Returns the whole request for a content.
        answer: The class of the answers.
        phases: Limits of getting a connection.
        read_timeout: Most seconds of silence, None where the total ends it first.
    """

    request: aiohttp.ClientRequest
    compose: Callable[[bytes], bytes]
    answer: type[Answer]
    phases: aiohttp.ClientTimeout
    read_timeout: float | None


class LeanSessionManager(SessionManager):
    """A ``SessionManager`` that goes without aiohttp's sessions: a seventh less CPU.

    It makes the same promises and passes the same tests, but it talks to aiohttp's
    connections itself, so a new release of aiohttp may break it sooner: that is why it
    has to be asked for::

        async with LeanSessionManager() as sessions:
            async with DigitroClient(pabx, sessions=sessions) as client: ...
    """

    def _make_line(self, pabx: PABX, line: Line) -> Line:
        request = aiohttp.ClientRequest(
            "POST",
            line.url,
            loop=asyncio.get_running_loop(),
            session=line.session,
        )
        phases = line.session.timeout
        return _LeanLine(
            line.session,
            line.url,
            line.deadlines,
            line.is_plain,
            request,
            composer(pabx, line.url),
            Answer.like(request),
            phases,
            phases.sock_read,
        )

    async def _post(self, line: Any, body: bytes, evidence: Evidence) -> Response:
        connection = await _connect(line, evidence)
        try:
            return await _ask(line, connection, body, evidence)
        except BaseException:
            connection.close()
            raise


async def _connect(line: _LeanLine, evidence: Evidence) -> Any:
    """Return a connection, out of the pool or new."""
    session = line.session
    assert session.connector is not None  # noqa: S101 - for the type checker
    traces = [Trace(session, config, evidence) for config in session.trace_configs]  # type: ignore[arg-type]  # any context will do
    try:
        return await session.connector.connect(line.request, traces, line.phases)
    except aiohttp.ClientError:
        raise
    except TimeoutError:
        pass
    raise aiohttp.ConnectionTimeoutError


async def _ask(
    line: _LeanLine, connection: Any, body: bytes, evidence: Evidence
) -> Answer:
    """Write the request and return the answer."""
    protocol = connection.protocol
    protocol.set_response_params(
        read_until_eof=True,
        auto_decompress=False,
        read_timeout=line.read_timeout,
        timeout_ceil_threshold=line.phases.ceil_threshold,
    )
    protocol.begin(evidence)
    send(protocol, line.compose(body), evidence)
    return await line.answer(connection).start(connection)
