"""ResultBuffer: results between the workers that bring them and their reader."""

import asyncio
from collections import deque

from digitro_async.models import CallResult

__all__ = ["ResultBuffer"]


class ResultBuffer:
    """Keeps results in the order in which they come.

    Args:
        size: Number of results at which workers begin to wait; a wait ends at half of
            that number.

    Attributes:
        ready: The results that nobody took yet.
        size: Number of results at which workers begin to wait.
        takers: Those who wait for a result.
        room: Set once there is room; None where no worker waits for it.
    """

    def __init__(self, size: int) -> None:
        self.ready: deque[CallResult] = deque()
        self.size = size
        self._room_below = (size + 1) // 2
        self.takers: dict[asyncio.Future[None], None] = {}
        self.room: asyncio.Event | None = None  # where somebody waits for it

    def put(self, result: CallResult) -> None:
        """Add a result."""
        self.ready.append(result)
        if self.takers:
            self.wake()

    def take(self) -> CallResult:
        """Take the first result; there must be one."""
        result = self.ready.popleft()
        if self.room is not None and len(self.ready) < self._room_below:
            self.make_room()
        return result

    def take_all(self) -> list[CallResult]:
        """Take all results that are there."""
        results = list(self.ready)
        self.ready.clear()
        self.make_room()
        return results

    async def wait(self) -> None:
        """Wait for ``wake``: a result came, or none will come any more."""
        taker = asyncio.get_running_loop().create_future()
        self.takers[taker] = None
        try:
            await taker
        finally:
            self.takers.pop(taker, None)

    def wake(self) -> None:
        """End the wait of everybody who wants a result."""
        for taker in self.takers:
            if not taker.done():
                taker.set_result(None)
        self.takers.clear()

    async def wait_for_room(self) -> None:
        """Wait for ``make_room``, or until enough results were taken."""
        if self.room is None:
            self.room = asyncio.Event()
        await self.room.wait()

    def make_room(self) -> None:
        """End the wait of every worker that waits for room."""
        if self.room is not None:
            self.room.set()
            self.room = None
