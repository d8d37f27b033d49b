"""InFlight: counts the calls in flight, and knows the streams that bring more."""

import asyncio
import weakref
from typing import Protocol

__all__ = ["InFlight"]


class _Stream(Protocol):
    """A reader of a source of calls."""

    @property
    def waits_for_source(self) -> bool:
        """Whether it waits for the source to give the next call."""
        ...

    def end(self) -> None:
        """Read no further call."""
        ...


class InFlight:
    """Counts the calls that go on, and ends the streams that bring more.

    Attributes:
        count: Calls that were taken on and have no result yet. Who takes a call on
            adds one, and calls ``leave`` once it has its result.
    """

    __slots__ = ("_idle", "_is_draining", "_streams", "count")

    def __init__(self) -> None:
        self.count: int = 0
        self._is_draining = False
        self._idle: asyncio.Event | None = None
        self._streams: tuple[weakref.ref[_Stream], ...] = ()

    @property
    def waits_for_source(self) -> bool:
        """Whether a stream waits for its source to give the next call."""
        return any(stream.waits_for_source for stream in self._living())

    def leave(self) -> None:
        """Count one call less."""
        self.count -= 1
        if not self.count and self._idle is not None:
            self._idle.set()
            self._idle = None

    def join(self, stream: _Stream) -> None:
        """Note that a stream reads its source, and end it where that is over."""
        # A new tuple each time: another thread may go over the old one meanwhile.
        self._streams = tuple(map(weakref.ref, (*self._living(), stream)))
        if self._is_draining:
            stream.end()

    def end_streams(self) -> None:
        """End the streams of today, and each that joins later."""
        self._is_draining = True
        for stream in self._living():
            stream.end()

    async def wait_idle(self) -> None:
        """Wait until no call goes on."""
        while self.count:
            if self._idle is None:
                self._idle = asyncio.Event()
            await self._idle.wait()

    def _living(self) -> list[_Stream]:
        """Return the streams that somebody has still."""
        found = [stream() for stream in self._streams]
        return [stream for stream in found if stream is not None]
