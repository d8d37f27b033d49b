"""Turns aiohttp's exceptions into codes, because they must not leave this package.

The class of an exception says *what* failed and never *whether the request left*
(the evidence says that), so a wrong code here can't cause a second call.
"""

import asyncio
import ssl

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from digitro_async.protocol import Failure
from digitro_async.transport._interim import InterimFloodError

__all__ = ["failure_of"]

_CODES: tuple[tuple[type[BaseException], Failure], ...] = (
    # Children stand before their parents; the first match counts.
    (aiohttp.ConnectionTimeoutError, Failure.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorDNSError, Failure.DNS),
    (aiohttp.ClientSSLError, Failure.TLS),
    (aiohttp.ServerFingerprintMismatch, Failure.TLS),
    (ssl.SSLError, Failure.TLS),
    (aiohttp.ClientConnectorError, Failure.CONNECT),
    (asyncio.TimeoutError, Failure.TIMEOUT),
    (aiohttp.ClientPayloadError, Failure.TRUNCATED),
    (aiohttp.ClientResponseError, Failure.MALFORMED),
    (HttpProcessingError, Failure.MALFORMED),
    (InterimFloodError, Failure.INTERIM),
    (aiohttp.ServerDisconnectedError, Failure.LOST),
    (OSError, Failure.LOST),
    (aiohttp.ClientConnectionError, Failure.LOST),
)


def failure_of(error: BaseException, *, waiting_for_pool: bool) -> Failure:
    """Return the failure that an exception of aiohttp or asyncio means.

    Args:
        error: The exception.
        waiting_for_pool: Whether the attempt still waited for a pooled connection.
    """
    if waiting_for_pool and isinstance(error, asyncio.TimeoutError):
        return Failure.POOL_TIMEOUT
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return Failure.UNEXPECTED
