"""The answers of the direct way: whole ones, and those that aiohttp's reader reads."""

from typing import Any

import aiohttp

from digitro_async.privacy import Personal
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    MAX_ANSWER_BYTES,
    Evidence,
    Failure,
    Observation,
)
from digitro_async.transport._interim import (
    MOST_ANSWERS,
    InterimFloodError,
    is_interim,
)
from digitro_async.transport._plain_answer import PlainHead

__all__ = ["ReadAnswer", "read_content", "whole_answer"]


def whole_answer(head: PlainHead, body: bytes) -> Observation:
    """Return the observation of a whole answer of the documented shape.

    Args:
        head: Its head.
        body: Its body.
    """
    failure = None if len(body) <= MAX_ANSWER_BYTES else Failure.OVERSIZED
    asked: Any = head.retry_after
    if asked is not None:
        asked = None if head.status == ACCEPTED_STATUS else Personal(asked)
    return Observation(True, head.status, body, failure, asked)  # noqa: FBT003


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
