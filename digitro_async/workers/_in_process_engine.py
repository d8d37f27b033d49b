"""InProcessEngine: moves slices between the workers of one process."""

import asyncio
import itertools
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from digitro_async.workers._engine_port import Handle, Slice, StalledSlice

__all__ = ["InProcessEngine"]


class InProcessEngine:
    """An engine without a store, for tests and for workers of one process."""

    def __init__(self) -> None:
        self._waiting: dict[Slice, None] = {}  # in order
        self._ripening: dict[Slice, asyncio.TimerHandle] = {}
        self._handled: dict[int, Slice] = {}
        self._stalled: set[int] = set()
        self._ids = itertools.count(1)
        self._sleepers: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for timer in self._ripening.values():
            timer.cancel()
        self._ripening.clear()

    async def submit(self, slices: Sequence[Slice], *, after: float = 0.0) -> None:
        """Put slices in. See ``Engine``."""
        loop = asyncio.get_running_loop()
        for one in slices:
            if one not in self._waiting and one not in self._ripening:
                self._ripening[one] = loop.call_later(after, self._ripen, one)

    async def run_worker(
        self,
        handle: Handle,
        *,
        queues: Collection[str],
        concurrency: int,
        stop: asyncio.Event,
    ) -> None:
        """Hand slices out until it is told to stop. See ``Engine``."""
        hands = [
            asyncio.ensure_future(self._hand_out(handle, queues, stop))
            for _ in range(concurrency)
        ]
        try:
            await stop.wait()
            self._wake()
            await asyncio.gather(*hands)
        finally:
            for hand in hands:
                hand.cancel()

    async def stalled(self) -> Sequence[StalledSlice]:
        """Return the slices whose workers were cancelled. See ``Engine``."""
        return [StalledSlice(self._handled[one], one) for one in self._stalled]

    async def retry(self, stalled: StalledSlice) -> None:
        """Let another worker have a stalled slice. See ``Engine``."""
        self._stalled.discard(stalled.id)
        if self._handled.pop(stalled.id, None) is not None:
            await self.submit([stalled.slice])

    async def _hand_out(
        self, handle: Handle, queues: Collection[str], stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            found = next((one for one in self._waiting if one.queue in queues), None)
            if found is None:
                await self._sleep()
                continue
            del self._waiting[found]
            number = next(self._ids)
            self._handled[number] = found
            try:
                await handle(found)
            except BaseException:
                self._stalled.add(number)
                raise
            del self._handled[number]

    async def _sleep(self) -> None:
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)

    def _wake(self) -> None:
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def _ripen(self, one: Slice) -> None:
        del self._ripening[one]
        self._waiting[one] = None
        self._wake()
