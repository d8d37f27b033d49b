"""The direct way to send: one write on a pooled connection, and its answer read.

aiohttp's connector makes and ends the connections, and its reader reads the answers
that are not of the documented shape. The ``ClientSession`` between them is left out. So
tools that hook into sessions see nothing of these calls: where there is such a tool,
the calls take the public way.
"""

from typing import Any

import aiohttp

from digitro_async.protocol import Evidence, Request
from digitro_async.transport._endpoint import Endpoint
from digitro_async.transport._exchange import Answer, read_content
from digitro_async.transport._interim import (
    MOST_ANSWERS,
    InterimFloodError,
    is_interim,
)
from digitro_async.transport._tracked import TrackedProtocol

__all__ = ["ask_directly"]


async def ask_directly(
    endpoint: Endpoint, request: Request, evidence: Evidence
) -> Answer:
    """Write a request on a connection of the pool and return the answer.

    Args:
        endpoint: The endpoint of the PABX.
        request: The request.
        evidence: The evidence of the attempt.
    """
    connection = endpoint.connector.pool.take_now(evidence)
    if connection is None:
        connection = await _connect(endpoint, evidence)
    try:
        whole = endpoint.composers[request.path](request.body)
        answer = await connection.send(whole, evidence, endpoint.silence)
        if answer is None:
            return await _read_head(connection, evidence)
    except BaseException:
        connection.give_up(evidence)
        raise
    connection.give_back(keeps_alive=answer.keeps_alive)
    return answer


async def _connect(endpoint: Endpoint, evidence: Evidence) -> TrackedProtocol:
    """Return a connection, from the pool or new."""
    try:
        return await endpoint.connector.take(
            evidence, evidence, endpoint.target, [], endpoint.phases
        )
    except aiohttp.ClientError:
        raise
    except TimeoutError:
        pass
    raise aiohttp.ConnectionTimeoutError


class _ReadAnswer:
    """An answer that aiohttp's reader reads.

    Args:
        connection: The connection that it is read from.
        evidence: The evidence of the attempt.
        message: The head.
        content: The reader of the body.
    """

    body = None

    def __init__(
        self,
        connection: TrackedProtocol,
        evidence: Evidence,
        message: Any,
        content: Any,
    ) -> None:
        self._connection = connection
        self._evidence = evidence
        self._message = message
        self._content = content

    @property
    def status(self) -> int:
        code: int = self._message.code
        return code

    @property
    def retry_after(self) -> str | None:
        asked: str | None = self._message.headers.get("Retry-After")
        return asked

    async def read(self, most: int) -> bytes:
        """Return the body, or just enough of it to see that it is longer."""
        return await read_content(self._content, most)

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        self._connection.give_up(self._evidence)


async def _read_head(connection: TrackedProtocol, evidence: Evidence) -> _ReadAnswer:
    """Return the answer that aiohttp's reader has the first bytes of."""
    reader = connection.reader
    for _ in range(MOST_ANSWERS + 1):
        message, content = await reader.read()
        if not is_interim(message.code):
            break
    else:
        raise InterimFloodError
    if not reader.upgraded:
        content.on_eof(connection.give_back)
    return _ReadAnswer(connection, evidence, message, content)
