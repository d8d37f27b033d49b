"""Bounds the interim answers (RFC 9110 section 15.2) that may precede an answer.

A PABX may send any number of them, and each has to be parsed. Without a bound, a PABX
that sends them without end keeps the event loop busy, and calls to every other PABX
wait. A flood ends its connection, and the outcome of the call is unknown.
"""

from collections.abc import Callable
from typing import Any, Final

__all__ = ["PIECE", "InterimFloodError", "InterimGuard", "is_interim"]

MOST_ANSWERS: Final = 8
"""Most interim answers to one request; the documented exchange has none."""

MOST_BYTES: Final = 16 * 1024
"""Most bytes in the heads of all interim answers to one request."""

# The documented answer has about 150 bytes. The quarter of a megabyte that a loop reads
# at once may hold 13,000 heads.
PIECE: Final = 512
"""Bytes that are parsed at once before an answer has begun."""


class InterimFloodError(Exception):
    """Too many interim answers came, or too large ones."""


def is_interim(status: int) -> bool:
    """Whether another answer follows; 101 ends the exchange instead."""
    return 100 <= status <= 199 and status != 101  # noqa: PLR2004 - see RFC 9110


class InterimGuard:
    """Hands the bytes of one exchange to a parser, in pieces while answers may begin.

    Args:
        reader: aiohttp's reader of a connection. Its length is the number of heads that
            it read and nobody took.
        is_done: Tells whether the exchange is over, so that nothing more belongs to it.
    """

    __slots__ = ("_fed", "_heads", "_heads_end", "_is_done", "_may_be_interim", "_read")

    def __init__(self, reader: Any, is_done: Callable[[], bool]) -> None:
        self._read = reader
        self._is_done = is_done
        self._fed = self._heads = 0
        self._heads_end = 0  # bytes that were fed until the last head was read
        self._may_be_interim = True

    def feed(self, data: bytes) -> int:
        """Hand over the bytes that came, and return how many belong to the exchange.

        Raises:
            InterimFloodError: If too many interim answers came, or too large ones.
        """
        reader = self._read
        if not self._fed and data.startswith(b"HTTP/1.") and data[9:10] in b"23456789":
            self._may_be_interim = len(data) < len("HTTP/1.1 2")
        for begin in range(0, len(data), PIECE):
            if self._heads and not self._may_be_interim:
                reader.data_received(data[begin:])
                return len(data)
            before = len(reader)
            reader.data_received(data[begin : begin + PIECE])
            self._count(len(reader) - before, min(PIECE, len(data) - begin))
            if self._is_done():
                return begin + PIECE
            if reader.exception() is not None:
                break
        return len(data)

    def _count(self, heads: int, size: int) -> None:
        before, self._fed = self._fed, self._fed + size
        if heads > 0:
            # All heads but the last are interim. They end in this piece, or ended with
            # the one in which the last but one was read.
            interim = before if heads > 1 else self._heads_end
            self._heads += heads
            if self._heads > MOST_ANSWERS + 1 or (
                self._may_be_interim and interim > MOST_BYTES
            ):
                raise InterimFloodError
            self._heads_end = self._fed
