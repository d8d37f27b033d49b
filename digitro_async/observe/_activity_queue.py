"""ActivityQueue: what happens inside a client, for a program that iterates."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from digitro_async._common.own_loop import OwnLoop
from digitro_async.observe._activities import ActivitiesLost, Activity

__all__ = ["ActivityQueue"]


class ActivityQueue:
    """What happens inside a client from one moment on, to be iterated over.

    It yields each activity, and an ``ActivitiesLost`` where nobody took them while the
    queue was full. The iteration ends when the client closes.

    Args:
        size: Most activities that wait.

    Attributes:
        on_close: Called once when it takes nothing more; None where nobody is.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: deque[Activity] = deque()
        self._lost = 0
        self._taker: asyncio.Future[None] | None = None
        self._own_loop = OwnLoop()
        self._is_closed = False
        self.on_close: Callable[[], object] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Activity:
        self._own_loop.check(self)
        while not self._queue:
            if self._lost:
                self._tell_lost()
            elif self._is_closed:
                raise StopAsyncIteration
            else:
                await self._wait()
        return self._queue.popleft()

    def __repr__(self) -> str:
        return f"<ActivityQueue {len(self._queue)} waiting>"

    def put(self, batch: Sequence[Activity]) -> None:
        """Add activities, and count those for which there is no room."""
        if self._is_closed:
            return
        room = self._size - len(self._queue)
        if room > 0 and self._lost:
            self._tell_lost()
        self._queue.extend(batch[: max(0, room)])
        self._lost += max(0, len(batch) - max(0, room))
        self._wake()

    def close(self) -> None:
        """Take nothing more; what waits is still yielded."""
        if self._is_closed:
            return
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()
        self._is_closed = True
        self._wake()

    async def _wait(self) -> None:
        taker = self._taker
        if taker is None:
            taker = self._taker = asyncio.get_running_loop().create_future()
        await asyncio.shield(taker)  # another task may wait for the same

    def _wake(self) -> None:
        taker, self._taker = self._taker, None
        if taker is not None and not taker.done():
            taker.set_result(None)

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, 0
        self._queue.append(ActivitiesLost(time=time.time(), count=lost))
