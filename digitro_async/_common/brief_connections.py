"""BriefConnections: connections that bring one request each, and take one answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

__all__ = ["BriefConnections"]

_MOST: Final = 16
"""Most connections at once; more are closed at once."""


class BriefConnections:
    """Answers connections of an asyncio server, a few at once, and ends with it.

    Args:
        answer: Answers one. Where it finds whoever asked gone or silent, it may raise
            ``OSError`` or ``TimeoutError``: that is no event for anybody.
    """

    def __init__(
        self,
        answer: Callable[
            [asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]
        ],
    ) -> None:
        self._answer = answer
        self._answering: set[asyncio.Task[None]] = set()

    async def take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one connection, and close it: for ``asyncio.start_server``."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        is_welcome = len(self._answering) < _MOST
        self._answering.add(task)
        try:
            if is_welcome:
                await self._answer(reader, writer)
        except (OSError, TimeoutError):  # whoever asked is gone, or says nothing
            pass
        finally:
            self._answering.discard(task)
            writer.close()

    async def end(self) -> None:
        """Close those that are not answered yet."""
        answering = list(self._answering)
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
