"""EventQueue: events that wait for whoever takes them, up to a bound."""

import asyncio
from collections import deque

from digitro_async.call_events import ChannelEvent, ChannelReason, Gap

__all__ = ["EventQueue"]


class EventQueue:
    """Hands events on in order, and never makes whoever puts them in wait.

    Where it is full, later events are dropped until half of it is free. A ``Gap``
    stands in their place, and says how many they were.

    Example::

        async for event in queue: ...

    Args:
        size: Most events that wait.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._events: deque[ChannelEvent] = deque()
        self._dropped: dict[str, list[float]] = {}  # PABX: first time, last one, number
        self._waiter: asyncio.Future[None] | None = None
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._events) + len(self._dropped)

    def put(self, event: ChannelEvent) -> None:
        """Put an event in, or count it as dropped."""
        if self._is_closed:
            return
        if self._dropped and len(self._events) <= self._size // 2:
            self._tell_gaps()
        if self._dropped or len(self._events) >= self._size:
            self._drop(event)
        else:
            self._events.append(event)
        self._wake()

    def close(self) -> None:
        """Take no further event; those that wait can be taken still."""
        self._is_closed = True
        self._wake()

    async def get(self) -> ChannelEvent | None:
        """Wait for the next event and return it; None after the last one.

        One task takes at a time.

        Raises:
            RuntimeError: If another task waits for it.
        """
        while not self._events:
            if self._dropped:
                self._tell_gaps()
            elif self._is_closed:
                return None
            else:
                await self._wait()
        return self._events.popleft()

    def __aiter__(self) -> "EventQueue":
        return self

    async def __anext__(self) -> ChannelEvent:
        event = await self.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("another task waits for the next event")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _drop(self, event: ChannelEvent) -> None:
        # An event that is itself a gap may stand for many.
        number = (event.lost or 0) if isinstance(event, Gap) else 1
        first = event.since if isinstance(event, Gap) else event.seen_at
        found = self._dropped.setdefault(event.pabx, [first, event.seen_at, 0])
        found[1] = event.seen_at
        found[2] += number

    def _tell_gaps(self) -> None:
        """Put the gaps in the place of what was dropped: all before them is taken."""
        for pabx, (since, until, number) in self._dropped.items():
            self._events.append(
                Gap(
                    pabx=pabx,
                    seen_at=until,
                    since=since,
                    reason=ChannelReason.EVENTS_DROPPED,
                    lost=int(number),
                )
            )
        self._dropped.clear()
