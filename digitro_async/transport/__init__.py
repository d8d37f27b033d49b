"""I/O: sends requests; the only package that imports aiohttp's client."""

from digitro_async.transport._failures import handshake_words
from digitro_async.transport._sessions import SessionManager
from digitro_async.transport._streams import (
    ByteStream,
    ChannelTransport,
    StreamError,
)
from digitro_async.transport._tls import context_of
from digitro_async.transport._transport import Transport
from digitro_async.transport._warming import warm_all

__all__ = [
    "ByteStream",
    "ChannelTransport",
    "SessionManager",
    "StreamError",
    "Transport",
    "context_of",
    "handshake_words",
    "warm_all",
]
