"""EventHub: what a page shows now, for each browser that looks at it.

A browser is owed the newest state and no older one, so nothing is queued for it: who is
slow sees fewer of them, and costs nothing.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Final, Self

from digitro_async.live_page._page_sources import PageFacts
from digitro_async.live_page._view_process import ViewProcess
from digitro_async.observe import LOGGER

__all__ = ["LOOK_SECONDS", "EventHub"]

LOOK_SECONDS: Final = 1.0
"""Seconds between two looks at what goes on."""

VIEW_SECONDS: Final = 5.0
"""Fewest seconds between two views of the ledger."""

_SHARE: Final = 10
"""Seconds of rest for each second that a view took to read."""


class EventHub:
    """Looks at what goes on while anybody else does.

    Args:
        facts: What goes on.
        views: Reads the ledger; None where no ledger is shown.
    """

    def __init__(self, facts: PageFacts, views: ViewProcess | None) -> None:
        self._facts, self._views = facts, views
        self._latest: dict[str, tuple[int, bytes]] = {}
        self._serial = 0
        self._changed = asyncio.Condition()
        self._is_watched = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.watching = 0

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._look(), name="digitro-page-facts")]
        if self._views is not None:
            reading = self._read(self._views)
            self._tasks.append(asyncio.create_task(reading, name="digitro-page-views"))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._views is not None:
            await self._views.close()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield what has changed since the last one, as server-sent events."""
        seen = 0
        self.watching += 1
        self._is_watched.set()
        try:
            while True:
                async with self._changed:
                    while self._serial <= seen:
                        await self._changed.wait()
                    news = [
                        one for serial, one in self._latest.values() if serial > seen
                    ]
                    seen = self._serial
                yield b"".join(news)
        finally:
            self.watching -= 1
            if not self.watching:
                self._is_watched.clear()
                self._latest.pop("facts", None)  # whoever comes next gets newer ones

    async def _tell(self, name: str, line: bytes) -> None:
        self._serial += 1
        # Made once for all browsers; a line of JSON has no line break of its own.
        event = b"event: %b\ndata: %b\n\n" % (name.encode(), line)
        async with self._changed:
            self._latest[name] = self._serial, event
            self._changed.notify_all()

    async def _look(self) -> None:
        while True:
            await self._is_watched.wait()
            try:
                facts = await self._facts.facts()
                await self._tell("facts", json.dumps(facts).encode())
            except Exception as error:  # noqa: BLE001 - it ends no run
                self._complain(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _read(self, views: ViewProcess) -> None:
        while True:
            # Not wait_for: that of Python 3.11 may lose a cancellation.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(VIEW_SECONDS):
                    await self._is_watched.wait()
            if not self._is_watched.is_set():
                await views.close()
                await self._is_watched.wait()
            began = time.monotonic()
            try:
                await self._tell("view", await views.view())
            except Exception as error:  # noqa: BLE001 - it ends no run
                self._complain(error)
            took = time.monotonic() - began
            await asyncio.sleep(max(VIEW_SECONDS, _SHARE * took))

    def _complain(self, error: Exception) -> None:
        name = type(error).__name__  # its text may hold anything
        LOGGER.error("the page can't be brought up to date: unexpected %s", name)
