"""ProgramQueue: what a client tells, until a program that iterates over it takes it."""

import asyncio
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Generic, Self, TypeVar

from digitro_async._common.own_loop import OwnLoop

__all__ = ["ProgramQueue", "ProgramQueues"]

_Told = TypeVar("_Told")


class ProgramQueue(ABC, Generic[_Told]):
    """What is told from one moment on, to be iterated over.

    A slow program does not make it grow: what has no room is lost, and the iteration
    says so at that place.

    Args:
        size: Most that waits.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: deque[_Told] = deque()
        self._taker: asyncio.Future[None] | None = None
        self._takers = 0
        self._awaited: set[ProgramQueue[_Told]] = set()
        self._own_loop = OwnLoop()
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _Told:
        self._own_loop.check(self)
        while not self._queue:
            self._queue.extend(self._take_lost())
            if self._queue:
                break
            if self._is_closed:
                raise StopAsyncIteration
            await self._wait()
        return self._queue.popleft()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self._queue)} waiting>"

    def close(self) -> None:
        """Take nothing more; what waits is still yielded."""
        self._is_closed = True
        self._wake()

    @abstractmethod
    def _take_lost(self) -> Iterable[_Told]:
        """Return what says how much was lost, and begin to count anew."""

    async def _wait(self) -> None:
        taker = self._taker
        if taker is None:
            taker = self._taker = asyncio.get_running_loop().create_future()
        self._takers += 1
        self._awaited.add(self)
        try:
            await asyncio.shield(taker)  # another task may wait for the same
        finally:
            self._takers -= 1
            if not self._takers:
                self._awaited.discard(self)

    def _wake(self) -> None:
        taker, self._taker = self._taker, None
        if taker is not None and not taker.done():
            taker.set_result(None)


_Queue = TypeVar("_Queue", bound=ProgramQueue[Any])


class ProgramQueues(Generic[_Queue]):
    """The queues that programs iterate over, until they are closed together.

    One that the program dropped without closing it is forgotten. One for which a task
    waits is kept: else a task that nobody but its queue knows would vanish with it.
    """

    def __init__(self) -> None:
        self._queues: weakref.WeakSet[_Queue] = weakref.WeakSet()
        self._awaited: set[ProgramQueue[Any]] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._queues)

    def __iter__(self) -> Iterator[_Queue]:
        return iter(tuple(self._queues))

    def add(self, queue: _Queue) -> None:
        """Keep a queue; it is closed at once where the others are."""
        queue._awaited = self._awaited  # noqa: SLF001 - of one module
        self._queues.add(queue)
        if self._is_closed:
            queue.close()

    def close(self) -> None:
        """End every iteration, once what waits is taken."""
        self._is_closed = True
        for queue in self:
            queue.close()
