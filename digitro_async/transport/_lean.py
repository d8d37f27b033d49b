"""LeanSessionManager: the same pools, with an HTTP exchange that does only this POST.

aiohttp's connector makes, checks, pools and closes the connections, and its parser
reads the answers; what lies between (``ClientSession`` and its request and response
objects) is left out: it is half of what a call costs. A call writes one piece of bytes
and reads one answer.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import attrs
from aiohttp.tracing import Trace

from digitro_async.models import PABX
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    MAX_ANSWER_BYTES,
    Evidence,
    Failure,
    Observation,
    build_headers,
)
from digitro_async.transport._failures import failure_of
from digitro_async.transport._sessions import Line, SessionManager, read_answer

__all__ = ["LeanSessionManager"]


@attrs.frozen
class _LeanLine(Line):
    """What every call to one PABX has in common.

    Attributes:
        request: Tells the connector where to connect; never sent itself.
        compose: Returns the whole request for a content. A function, because the head
            holds the api key, and what is no value is shown by nobody.
        phases: Limits of getting a connection.
        read_timeout: Most seconds of silence, None where the total ends it first.
    """

    request: aiohttp.ClientRequest
    compose: Callable[[bytes], bytes]
    phases: aiohttp.ClientTimeout
    read_timeout: float | None


class LeanSessionManager(SessionManager):
    """A ``SessionManager`` that takes half the CPU for a call.

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
            ssl=line.tls,
            session=line.session,
        )
        compose = _composer(pabx, line.url.raw_path_qs, request.headers["Host"])
        phases = line.session.timeout
        return _LeanLine(
            line.session,
            line.url,
            line.tls,
            line.deadlines,
            request,
            compose,
            phases,
            phases.sock_read,
        )

    async def exchange(  # noqa: C901, PLR0912 - one attempt, told in order
        self, pabx: PABX, body: bytes, evidence: Evidence
    ) -> Observation:
        """POST the body once and return what was seen. See ``Transport``.

        Raises:
            ConfigurationError: If the PABX has no channel or its certificate
                authority can't be read.
            WrongLoopError: If the manager belongs to another event loop.
            ClientClosedError: If it was closed.
            asyncio.CancelledError: If it is cancelled.
        """
        line: Any = self._line_of(pabx)
        connection: Any = None
        message: Any = None
        answer = b""
        failure: Failure | None = None
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        cancelling = task.cancelling()
        line.deadlines.start(task)
        try:
            try:
                connection = await _connect(line, evidence)
                message, content = await _ask(line, connection, body, evidence)
                if content.is_eof():  # it came in one piece, as nearly all do
                    answer = content.read_nowait(MAX_ANSWER_BYTES + 1)
                else:
                    answer = await read_answer(content)
                if len(answer) > MAX_ANSWER_BYTES:
                    failure = Failure.OVERSIZED
                elif not connection.protocol.upgraded:
                    connection.release()
            except Exception as error:  # noqa: BLE001 - becomes a value, whatever it is
                failure = failure_of(error, waiting_for_pool=evidence.waiting)
        except BaseException:
            if not line.deadlines.stop(task) or task.uncancel() > cancelling:
                raise  # somebody else wished it
            failure = Failure.POOL_TIMEOUT if evidence.waiting else Failure.TIMEOUT
        else:
            if line.deadlines.stop(task):
                task.uncancel()
        finally:
            if connection is not None:
                connection.close()  # does nothing to one that was released
        if message is None:
            return Observation(evidence.sending, failure=failure)
        status = message.code
        if status == ACCEPTED_STATUS and failure is None:
            return Observation(evidence.sending, status, answer)
        retry_after = message.headers.get("Retry-After")
        return Observation(evidence.sending, status, answer, failure, retry_after)


def _composer(pabx: PABX, target: str, host: str) -> Callable[[bytes], bytes]:
    """Return what makes requests (RFC 9112): all but the content is always the same."""
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in build_headers(pabx).items()]
    if not pabx.pool.reuse:
        lines += ["Connection: close"]
    head = "\r\n".join([*lines, "Content-Length: "]).encode("ascii")
    return lambda body: b"%b%d\r\n\r\n%b" % (head, len(body), body)


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
) -> tuple[Any, Any]:
    """Write the request and return the answer's head and its content, to be read."""
    protocol = connection.protocol
    protocol.set_response_params(
        read_until_eof=True,
        auto_decompress=False,
        read_timeout=line.read_timeout,
        timeout_ceil_threshold=line.phases.ceil_threshold,
    )
    request = line.compose(body)
    evidence.sending = True  # before the first byte can leave
    connection.transport.write(request)
    protocol.start_timeout()
    while True:
        message, content = await protocol.read()
        if not _is_interim(message.code):
            return message, content


def _is_interim(status: int) -> bool:
    """Whether another answer follows (RFC 9110 section 15.2)."""
    return 100 <= status <= 199 and status != 101  # noqa: PLR2004 - see there
