"""Keeps the connections to one PABX host: their number, their rest and their end."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import aiohttp

from digitro_async.protocol import Evidence
from digitro_async.settings import PoolSettings, RateLimit
from digitro_async.transport._pool_state import PoolState
from digitro_async.transport._tracked import TrackedProtocol

__all__ = ["ConnectionPool"]

DEFAULT_REST = 0.1
"""Seconds of rest at a PABX with a cap: five more connections at 50 calls/s."""


class ConnectionPool:
    """A pool that reuses a connection only after a rest, and only while it is quiet.

    An idle connection can be read when it has ended, or when an answer came that
    nobody asked for and that would be taken for the next call's answer. The pool finds
    both before the next call is sent, and takes another connection: nothing is lost.

    The connection that was given back first is taken first, so that each rests as long
    as possible. Where all idle ones still rest, a new connection is opened, unless at
    least as many rest as calls are on the wire and as a cap lets start in one rest.

    Args:
        settings: How connections are kept.

    Attributes:
        state: What the connections share.
        used: Connections that are used or opened now.
        unanswered: Calls that were lost while none was ever answered here.
    """

    def __init__(self, settings: PoolSettings) -> None:
        self.state = PoolState()
        self.used = self.unanswered = 0
        self._reuse = settings.reuse
        self._idle_seconds = settings.idle_seconds
        self._limit = settings.max_connections
        self._rest = self._spare = 0.0
        # The one that rested longest stands first.
        self._idle: deque[TrackedProtocol] = deque()
        # They served nobody whose answer may be late, so they need no rest.
        self._warm: deque[TrackedProtocol] = deque()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._expiry: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def ever_answered(self) -> bool:
        """Whether an answer was ever read to its end on one of its connections."""
        return self.state.slowest > 0

    @property
    def count(self) -> int:
        """Connections that are used, opened now or idle."""
        return self.used + len(self._idle) + len(self._warm)

    def serve(self, rate: RateLimit | None, rest: float | None) -> None:
        """Set the rest of connections for one more PABX at this host.

        Args:
            rate: The cap of the PABX, None where it has none.
            rest: Seconds of rest, None for the default with this cap.
        """
        if rest is None:
            rest = 0.0 if rate is None else DEFAULT_REST
        self._rest = max(self._rest, rest)
        if rate is not None:
            self._spare += rate.calls / rate.per * rest

    def take_now(self, holder: object) -> TrackedProtocol | None:
        """Return a quiet connection of the pool, None where ``take`` has to be asked.

        Args:
            holder: The part that will use the connection.
        """
        idle, state = self._idle, self.state
        if not idle or state.must_sweep or state.was_breached:
            return None
        if self._limit is not None and self.used >= self._limit:
            return None
        connection = idle[0]
        if (
            not self._rest <= monotonic() - connection.since <= self._idle_seconds
            or connection.is_retired
            or connection.transport.is_closing()
            or connection.poll_readable(0)
        ):
            return None
        idle.popleft()
        self.used += 1
        connection.holder = holder
        return connection

    async def take(
        self,
        holder: object,
        evidence: Evidence,
        limit: float | None,
        make: Callable[[], Awaitable[TrackedProtocol]],
    ) -> TrackedProtocol:
        """Return a connection, from the pool or new.

        Args:
            holder: The part that will use the connection.
            evidence: Its evidence, which says that it waits for a place.
            limit: Most seconds, None where a deadline ends it.
            make: Opens a connection, and keeps the limit itself.

        Raises:
            aiohttp.ClientConnectionError: If the pool is closed meanwhile.
            TimeoutError: If there was none in time.
        """
        if not self._is_full():
            self.used += 1
            return await self._take(holder, make)
        async with asyncio.timeout(limit):
            await self._wait_for_place(evidence)
            return await self._take(holder, make)

    async def warm(
        self, most: int, make: Callable[[], Awaitable[TrackedProtocol]]
    ) -> bool:
        """Open a connection ahead of its first call, if it may be kept.

        Args:
            most: Connections that are enough, used ones included.
            make: Opens a connection, and keeps its limit of time itself.

        Returns:
            Whether one was opened.
        """
        if self._limit is not None:
            most = min(most, self._limit)
        if not self._reuse or self._closed or self.count >= most:
            return False
        self.used += 1
        try:
            connection = await make()
        except BaseException:
            self._leave()
            raise
        if self._closed:
            connection.abort()
        else:
            # What it says unasked, or its loss under a call, count as on a used one.
            connection.was_used, connection.since = True, monotonic()
            self._warm.append(connection)
            if self._expiry is None:
                self._expire_at(connection.since + self._idle_seconds)
        self._leave()
        return not self._closed

    def take_back(self, connection: TrackedProtocol, usable: bool) -> None:  # noqa: FBT001 - the hot path
        """Take a connection that no attempt uses any more. See ``Home``."""
        if usable and not self._closed:
            if self._reuse:
                self._idle.append(connection)
                if self._expiry is None:
                    self._expire_at(connection.since + self._idle_seconds)
            else:
                connection.abort()
        if self._waiters:
            self._leave()
        else:
            self.used -= 1

    def forget(self, connection: TrackedProtocol) -> None:
        """Forget an idle connection, which has ended. See ``Home``."""
        for queue in (self._idle, self._warm):
            if connection in queue:
                queue.remove(connection)

    def retire_idle(self) -> None:
        """Let no idle connection serve a further call."""
        for connection in (*self._idle, *self._warm):
            connection.retire()
        self._sweep()

    def close(self) -> None:
        """Close every connection, and end every wait for a place."""
        self._closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        for connection in list(self.state.open):
            connection.abort()
        self._idle.clear()
        self._warm.clear()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(aiohttp.ClientConnectionError("the pool closed"))
        self._waiters.clear()

    # Places.

    def _is_full(self) -> bool:
        return self._limit is not None and self.used >= self._limit

    async def _wait_for_place(self, evidence: Evidence) -> None:
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        evidence.waiting_for_connection = True
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._leave()  # a place was handed over just then
            raise
        evidence.waiting_for_connection = False

    def _leave(self) -> None:
        """Hand a place to who waits for one, or leave it free."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.used -= 1

    # Idle connections.

    async def _take(
        self, holder: object, make: Callable[[], Awaitable[TrackedProtocol]]
    ) -> TrackedProtocol:
        """Return a connection for a place that is taken."""
        try:
            connection = await self._take_quiet() or await make()
        except BaseException:
            self._leave()
            raise
        connection.holder = holder
        return connection

    async def _take_quiet(self) -> TrackedProtocol | None:
        """Take the connection that rested longest, None where one has to be opened."""
        while True:
            if self.state.must_sweep:
                self._sweep()
            if self._warm:
                connection = self._warm.popleft()
            elif not self._idle or self._must_rest(self._idle[0]):
                return None
            else:
                connection = self._idle.popleft()
            if _is_quiet(connection):
                if monotonic() - connection.since <= self._idle_seconds:
                    return connection
            elif connection.is_open:
                await _let_it_read(connection)
            connection.abort()

    def _must_rest(self, first: TrackedProtocol) -> bool:
        rest = self._rest
        if self.state.was_breached:  # the PABX may break the protocol again
            rest = max(rest, self.state.watch_seconds)
        if not rest or monotonic() - first.since >= rest:
            return False
        resting, busy = len(self._idle), self.used - 1
        open_now = resting + busy + len(self._warm)
        if self._limit is not None and open_now >= self._limit:
            return False
        return self.state.was_breached or resting < max(self._spare, busy)

    def _sweep(self) -> None:
        """Take retired connections out of the pool; each closes after its watch."""
        self.state.must_sweep = False
        for queue in (self._idle, self._warm):
            kept = [one for one in queue if not one.is_retired]
            queue.clear()
            queue.extend(kept)

    def _expire_at(self, moment: float) -> None:
        delay = max(0.0, moment - monotonic())
        self._expiry = self._loop.call_later(delay, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        last = monotonic() - self._idle_seconds
        queues = (self._idle, self._warm)
        for queue in queues:
            while queue and queue[0].since <= last:
                queue.popleft().abort()
        if any(queues):
            oldest = min(queue[0].since for queue in queues if queue)
            self._expire_at(oldest + self._idle_seconds)


async def _let_it_read(connection: TrackedProtocol) -> None:
    """Let the loop read the bytes that wait on a connection."""
    # An answer that nobody asked for is then found to be a protocol violation.
    for _ in range(3):  # asyncio's loops read within two rounds, libuv's within three
        if not connection.is_open:
            return
        await asyncio.sleep(0)


def _is_quiet(connection: Any) -> bool:
    # A call that waited for a connection may get one that was retired meanwhile.
    return not (
        connection.is_retired
        or connection.transport.is_closing()
        or connection.poll_readable(0)
    )
