"""The answers of the direct way: whole ones, and those that aiohttp's reader reads."""

from typing import Any

import aiohttp

from digitro_async.protocol import Evidence
from digitro_async.transport._interim import (
    MOST_ANSWERS,
    InterimFloodError,
    is_interim,
)
from digitro_async.transport._plain_answer import PlainHead

__all__ = ["PlainAnswer", "ReadAnswer", "read_content"]


class PlainAnswer:
    """A whole answer of the documented shape.

    Args:
        connection: The connection that it came on.
        head: Its head.
        body: Its body.

    Attributes:
        status: HTTP status.
        retry_after: The Retry-After header, None where there is none.
    """

    __slots__ = ("_body", "_connection", "_head", "retry_after", "status")

    def __init__(self, connection: Any, head: PlainHead, body: bytes) -> None:
        self.status = head.status
        self.retry_after = head.retry_after
        self._connection, self._head, self._body = connection, head, body

    def take(self) -> bytes | None:
        """Give the connection back and return the body."""
        self._connection.give_back(self._head.keeps_alive)
        return self._body

    async def read(self, _: int) -> bytes:
        """Return the body."""
        return self._body

    def close(self) -> None:
        """Do nothing: the connection was given back."""


class ReadAnswer:
    """An answer that aiohttp's reader has the first bytes of.

    Args:
        connection: The connection that it is read from.
        evidence: The evidence of the attempt.

    Attributes:
        status: HTTP status, None before the head was read.
        retry_after: The Retry-After header, None where there is none.
    """

    def __init__(self, connection: Any, evidence: Evidence) -> None:
        self.status: int | None = None
        self.retry_after: str | None = None
        self._connection = connection
        self._evidence = evidence

    def take(self) -> bytes | None:
        """Return None: the body has to be read."""
        return None

    async def read(self, most: int) -> bytes:
        """Return the body, or just enough of it to see that it is longer.

        Raises:
            InterimFloodError: If too many interim answers come before it.
        """
        connection = self._connection
        reader = connection.reader
        for _ in range(MOST_ANSWERS + 1):
            message, content = await reader.read()
            if not is_interim(message.code):
                break
        else:
            raise InterimFloodError
        self.status = message.code
        self.retry_after = message.headers.get("Retry-After")
        if not reader.upgraded:
            content.on_eof(connection.give_back)
        return await read_content(content, most)

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        self._connection.give_up(self._evidence)


async def read_content(content: aiohttp.StreamReader, most: int) -> bytes:
    """Return a body, or just enough of it to see that it is longer.

    Args:
        content: aiohttp's reader of the body.
        most: Most bytes of a body.
    """
    if content.is_eof():  # it came in one piece, as most do
        return content.read_nowait()
    parts = []
    left = most + 1
    while left > 0 and not content.at_eof():
        part = await content.read(left)
        left -= len(part)
        parts.append(part)
    return b"".join(parts)
