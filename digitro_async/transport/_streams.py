"""Streams of events, and the other requests about an event channel.

Each has a connection of its own, beside the pool of the calls: a stream that is open
for days takes no place of a call, and a channel can be closed while all are taken.
"""

import asyncio
from typing import Final, Protocol

import aiohttp
from yarl import URL

from digitro_async.models import PABX
from digitro_async.protocol import Failure, OutgoingRequest
from digitro_async.transport._direct_answers import read_content
from digitro_async.transport._failures import failure_of

__all__ = [
    "ByteStream",
    "ChannelTransport",
    "ClientStream",
    "StreamError",
    "ask_once",
    "open_client_stream",
]

MOST_ANSWER_BYTES: Final = 64 * 1024
"""Largest answer that is read, in bytes."""

_OK: Final = range(200, 300)
_LONGEST_NUMBER: Final = 9


class StreamError(Exception):
    """A request about a channel failed, or a stream broke off.

    Attributes:
        reason: Why, as a code.
        status: HTTP status, None where no answer began.
        retry_after: Seconds that the PABX asked to wait, None where it did not.
    """

    # Its text and cause hold nothing of what was sent or received.

    def __init__(
        self,
        *,
        reason: str,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class ByteStream(Protocol):
    """A stream that is open."""

    async def read(self) -> bytes:
        """Return the bytes that came next, none at its end.

        Raises:
            StreamError: If it broke off.
        """
        ...

    async def aclose(self) -> None:
        """Close it, and the connection under it."""
        ...


class ChannelTransport(Protocol):
    """The port between event channels and the part that speaks HTTP."""

    async def open_stream(self, pabx: PABX, request: OutgoingRequest) -> ByteStream:
        """Send a request and return the stream that is the answer.

        Raises:
            StreamError: If there is none.
        """
        ...

    async def ask(self, pabx: PABX, request: OutgoingRequest) -> tuple[int, bytes]:
        """Send a request once, and return status and body of the answer.

        Raises:
            StreamError: If there is no answer.
        """
        ...


class ClientStream:
    """A stream by a session of aiohttp that serves nothing else.

    Args:
        session: The session; it is closed with the stream.
        response: The answer that has begun.
    """

    def __init__(
        self, session: aiohttp.ClientSession, response: aiohttp.ClientResponse
    ) -> None:
        self._session = session
        self._response = response

    async def read(self) -> bytes:
        """Return the bytes that came next, none at the end of the stream.

        Raises:
            StreamError: If it broke off.
        """
        try:
            return await self._response.content.readany()
        except _FAILURES as error:
            reason = _reason_of(error, was_sent=True)
        raise StreamError(reason=reason)

    async def aclose(self) -> None:
        """Close the stream and its connection."""
        self._response.close()
        await self._session.close()


async def open_client_stream(
    pabx: PABX, request: OutgoingRequest, tls: object
) -> ClientStream:
    """Send a request and return the stream that is the answer.

    Args:
        pabx: The PABX; its time limits for connecting are kept to.
        request: The request.
        tls: The result of ``tls_of``.

    Raises:
        StreamError: If there is none.
    """
    session = _session_for(pabx, tls)
    try:
        response = await _send(session, request)
    except BaseException:
        await session.close()
        raise
    if response.status in _OK:
        return ClientStream(session, response)
    asked = _seconds_in(response.headers.get("Retry-After"))
    response.close()
    await session.close()
    raise StreamError(
        reason=f"status_{response.status}", status=response.status, retry_after=asked
    )


async def ask_once(
    pabx: PABX, request: OutgoingRequest, tls: object
) -> tuple[int, bytes]:
    """Send a request once, and return status and body of the answer.

    Args:
        pabx: The PABX; its time limits for connecting are kept to.
        request: The request.
        tls: The result of ``tls_of``.

    Raises:
        StreamError: If there is no whole answer.
    """
    async with _session_for(pabx, tls) as session:
        response = await _send(session, request)
        try:
            body = await read_content(response.content, MOST_ANSWER_BYTES)
        except _FAILURES as error:
            reason = _reason_of(error, was_sent=True)
        else:
            return response.status, body
        finally:
            response.close()
    raise StreamError(reason=reason)


def _session_for(pabx: PABX, tls: object) -> aiohttp.ClientSession:
    limits = pabx.timeouts
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=tls),  # type: ignore[arg-type]  # what ``tls_of`` gives
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=min(limits.sock_connect, limits.connect)
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        raise_for_status=False,
    )


async def _send(
    session: aiohttp.ClientSession, request: OutgoingRequest
) -> aiohttp.ClientResponse:
    """Send a request and return the answer that begins.

    Raises:
        StreamError: If none does.
    """
    try:
        return await session.request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
        )
    except _FAILURES as error:
        reason = _reason_of(error, was_sent=False)
    try:
        raise StreamError(reason=reason)
    finally:
        del request  # the error's traceback refers to this frame


_FAILURES: Final = (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError)


def _reason_of(error: BaseException, *, was_sent: bool) -> str:
    """Return the code of a failure; its texts may hold anything."""
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return str(Failure.MALFORMED)  # a line that is longer than aiohttp reads
    return str(failure_of(error, waiting_for_pool=False, was_sent=was_sent))


def _seconds_in(text: str | None) -> float | None:
    text = "" if text is None else text.strip()
    if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER:
        return float(text)
    return None
