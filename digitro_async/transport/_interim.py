"""Bounds the interim answers (RFC 9110 section 15.2) that may precede an answer.

A PABX may send any number of them, and each has to be parsed. Without a bound, a PABX
that sends them without end keeps the event loop busy, and calls to every other PABX
wait. A flood ends its connection, and the outcome of the call is unknown.
"""

from typing import Any, Final

from aiohttp.client_proto import ResponseHandler

__all__ = [
    "FEED",
    "PIECE",
    "READ",
    "BoundedProtocol",
    "InterimFloodError",
    "is_interim",
]

MOST_ANSWERS: Final = 8
"""Most interim answers to one request; the documented exchange has none."""

MOST_BYTES: Final = 16 * 1024
"""Most bytes in the heads of all interim answers to one request."""

# The documented answer has about 150 bytes. The quarter of a megabyte that a loop reads
# at once may hold 13,000 heads.
PIECE: Final = 512
"""Bytes that are parsed at once before an answer has begun."""

READ: Final = ResponseHandler.read
FEED: Final = ResponseHandler.data_received


class InterimFloodError(Exception):
    """Too many interim answers came, or too large ones."""


def is_interim(status: int) -> bool:
    """Whether another answer follows; 101 ends the exchange instead."""
    return 100 <= status <= 199 and status != 101  # noqa: PLR2004 - see RFC 9110


class BoundedProtocol(ResponseHandler):
    """A connection that passes over interim answers, and ends after too many."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Parse the bytes that came, piece by piece until an answer has begun."""
        if len(data) <= PIECE or self._is_in_a_body():
            FEED(self, data)
            return
        for begin in range(0, len(data), PIECE):
            FEED(self, data[begin : begin + PIECE])
            if self._exception is not None or self.transport is None:
                return
            if len(self) > MOST_ANSWERS + 1:
                self.set_exception(InterimFloodError())
                self.transport.abort()
                return
            if self._is_in_a_body():
                FEED(self, data[begin + PIECE :])
                return

    async def read(self) -> Any:
        """Return the next answer that is not interim."""
        # aiohttp's own loop would pass over any number of interim answers.
        message, content = await READ(self)
        if is_interim(message.code):
            return await self.skip_interim(message)
        return message, content

    async def skip_interim(self, message: Any) -> Any:
        """Return the answer that follows an interim one.

        Raises:
            InterimFloodError: If too many interim answers come before it.
        """
        size = 0
        for _ in range(MOST_ANSWERS):
            size += sum(len(name) + len(value) for name, value in message.raw_headers)
            if size > MOST_BYTES:
                break
            message, content = await READ(self)
            if not is_interim(message.code):
                return message, content
        raise InterimFloodError

    def _is_in_a_body(self) -> bool:
        return self._payload is not None and not self._payload.is_eof()
