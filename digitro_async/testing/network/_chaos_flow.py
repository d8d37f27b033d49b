"""One direction of one connection through the chaos proxy."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Final, cast

from digitro_async._common.sockets import reset_transport
from digitro_async.testing.network._toxics import Toxic

__all__ = ["Flow", "FlowEnds"]

_PIECE: Final = 65_536
_MOST_WAITING: Final = 1024 * 1024


class FlowEnds:
    """Both ends of one connection through the proxy.

    Attributes:
        ended: Whether they were closed or reset here.
    """

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self.ended = False

    def close(self) -> None:
        """Deliver the bytes that were written, then FIN, on both sides."""
        self.ended = True
        for writer in self._writers:
            writer.close()

    def reset(self) -> None:
        """End both sides with RST."""
        self.ended = True
        for writer in self._writers:
            reset_transport(cast("asyncio.Transport", writer.transport))


class Flow:
    """Takes data from one end, lets the toxics act on it, and hands it on.

    Args:
        source: The end that data comes from.
        sink: The end that data goes to.
        ends: Both ends.
        toxics: The toxics, each with the time of the loop's clock since when it acts;
            the mapping may change.
        chance: Generator that toxics draw from.
    """

    def __init__(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        ends: FlowEnds,
        toxics: Mapping[Toxic, float],
        chance: random.Random,
    ) -> None:
        self.chance = chance
        self.close = ends.close
        self.reset = ends.reset
        self._source = source
        self._sink = sink
        self._ends = ends
        self._toxics = toxics
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self._counts: dict[Toxic, int] = {}
        self._waiting: deque[tuple[float, bytes | None]] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    def toxics_changed(self) -> None:
        """Let the flow look at the toxics again."""
        self._wake.set()

    async def run(self) -> None:
        """Hand on all data until its end, then the end."""
        filling = self._loop.create_task(self._fill())
        try:
            while (taken := await self._take()) is not None:
                came, data = taken
                if data is None:
                    self.reset()
                elif data:
                    await self._pass_on(data, came)
                else:
                    await self._end()
                    return
            self._ends.close()
        except ConnectionError:
            self.reset()
        finally:
            filling.cancel()

    async def hold(self, toxic: Toxic, seconds: float) -> None:
        """Wait that long, or until the toxic is removed or the connection ends."""
        until = self._loop.time() + seconds
        while toxic in self._toxics and not self._ends.ended:
            if until <= self._loop.time():
                return
            await self._wait(until)

    def passed(self, toxic: Toxic, count: int) -> int:
        """Count bytes for a toxic, and return its count before them."""
        before = self._counts.get(toxic, 0)
        self._counts[toxic] = before + count
        return before

    async def _fill(self) -> None:
        data: bytes | None = b"."
        while data:
            try:
                data = await self._source.read(_PIECE)
            except ConnectionError:
                data = None
            self._waiting.append((self._loop.time(), data))
            self._waiting_bytes += len(data or b"")
            self._wake.set()
            while self._waiting_bytes > _MOST_WAITING:
                self._room.clear()
                await self._room.wait()

    async def _take(self) -> tuple[float, bytes | None] | None:
        """Return the next data and when it came; None where the connection is over."""
        while not self._ends.ended:
            ends = [
                max(since, self._born) + after
                for toxic, since in self._toxics.items()
                if (after := toxic.closes_after()) is not None
            ]
            end = min(ends, default=None)
            if end is not None and end <= self._loop.time():
                return None
            if self._waiting:
                came, data = self._waiting.popleft()
                self._waiting_bytes -= len(data or b"")
                self._room.set()
                return came, data
            await self._wait(end)
        return None

    async def _pass_on(self, data: bytes, came: float) -> None:
        async for piece in _through(list(self._toxics), data, came, self):
            if self._ends.ended:
                return
            self._sink.write(piece)
            await self._sink.drain()

    async def _end(self) -> None:
        for toxic in list(self._toxics):
            await self.hold(toxic, toxic.delays_close())
        if not self._sink.is_closing():
            self._sink.write_eof()

    async def _wait(self, until: float | None) -> None:
        """Wait for data or another set of toxics, or until that moment."""
        self._wake.clear()
        timer = None
        if until is not None:
            timer = self._loop.call_at(until, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()


async def _through(
    toxics: list[Toxic], data: bytes, came: float, flow: Flow
) -> AsyncIterator[bytes]:
    """Yield the data that is left when some has gone through the toxics in turn."""
    if not toxics:
        yield data
        return
    first, *rest = toxics
    async for piece in first.through(data, came, flow):
        async for left in _through(rest, piece, came, flow):
            yield left
