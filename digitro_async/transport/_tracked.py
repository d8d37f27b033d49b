"""Connections that remember their attempts and notice answers nobody asked for.

HTTP/1.1 pairs answers with requests by their order alone. A PABX (or a hop before it)
that writes one answer too many puts its connection out of step: from then on every
call on it gets the answer of the call before. Nothing in such an answer shows that.
But the true answer to the last call then comes while nobody waits for it. So a
connection rests before it is used again, and whatever comes during the rest breaks the
protocol. Then the owners of its attempts since it was last known to be quiet are told.
"""

import asyncio
import weakref
from collections import deque
from time import monotonic
from typing import Any, Final

from digitro_async.protocol import Evidence, call_ids_in
from digitro_async.transport._deadlines import LastLook
from digitro_async.transport._interim import FEED, PIECE, BoundedProtocol

__all__ = ["PoolState", "TrackedProtocol"]

REMEMBERED: Final = 16
"""Most attempts that one connection remembers; it is usually quiet after far fewer."""

SHORTEST_WATCH: Final = 0.25
LONGEST_WATCH: Final = 5.0
"""Bounds, in seconds, of the watch of a retired connection: twice a slow answer."""

_KEPT_SHARE: Final = 0.999
"""Share of ``PoolState.slowest`` that each faster answer leaves: half after 700."""

_TIMED_OUT: Final = b"408"
"""Status that some servers send, unasked, before they close an idle connection (RFC
9110 section 15.5.9). It is the answer to no call."""


class PoolState:
    """The state that the connections of one pool share.

    Attributes:
        open: The connections that are open.
        slowest: Seconds that a slow answer took of late.
        must_sweep: Whether a connection in the pool was retired.
        was_breached: Whether an answer came that no call waited for.
    """

    __slots__ = ("must_sweep", "open", "slowest", "was_breached")

    def __init__(self) -> None:
        self.open: weakref.WeakSet[TrackedProtocol] = weakref.WeakSet()
        self.slowest = 0.0
        self.must_sweep = self.was_breached = False

    @property
    def watch_seconds(self) -> float:
        """Seconds after which an answer that is out of step has arrived."""
        return min(max(SHORTEST_WATCH, 2 * self.slowest), LONGEST_WATCH)

    def end_trust(self, breached: "TrackedProtocol") -> None:
        """Let no connection that is open now serve a further call."""
        self.was_breached = True
        for other in list(self.open):
            if other.was_used and other is not breached and not other.is_retired:
                if other.is_idle and other.something_waits():
                    other.distrust()
                else:
                    other.retire()


class TrackedProtocol(BoundedProtocol):
    """One pooled connection; also the ``Connection`` of its attempts.

    Args:
        loop: The running loop.
        state: The state that it shares with others of its pool.

    Attributes:
        is_idle: Whether no attempt is on it, so that nothing may arrive.
        is_retired: Whether it serves no further call.
        was_used: Whether an attempt is or was on it.
        was_reused: Whether another attempt was on it before the last one.
        poll_readable: Function that tells, within a number of ms, if it can be read.
        heard: The bytes that came last.
    """

    # Slots, because Python looks up names slowly in an instance's dictionary of more
    # than thirty, and a call then takes 4 % more instructions.
    __slots__ = (
        "_closing",
        "_gone",
        "_is_distrusted",
        "_is_gone",
        "_served",
        "_since",
        "_state",
        "heard",
        "is_idle",
        "is_retired",
        "poll_readable",
        "was_reused",
        "was_used",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, state: PoolState) -> None:
        super().__init__(loop)
        self.is_idle = True
        self.is_retired = self.was_used = self.was_reused = False
        self.poll_readable: Any = None
        self._state = state
        self._served: deque[Evidence] = deque(maxlen=REMEMBERED)
        self.heard = b""
        self._since = 0.0  # when an attempt began on it, or it was given back
        self._is_distrusted = False
        self._closing: asyncio.TimerHandle | None = None
        self._gone: asyncio.Future[None] | None = None
        self._is_gone = False

    def begin(self, evidence: Evidence) -> None:
        """Note that the first byte of an attempt is about to leave."""
        now = monotonic()
        if now - self._since >= 2 * self._state.slowest:
            self._served.clear()  # quiet for longer than an answer takes
        self.is_idle = False
        self.was_reused = self.was_used
        self.was_used = True
        self._since = now
        evidence.connection = self
        self._served.append(evidence)

    def give_back(self) -> None:
        """Note that the answer was read to its end."""
        now, state = monotonic(), self._state
        took = now - self._since
        if took > state.slowest:
            state.slowest = took
        else:
            state.slowest *= _KEPT_SHARE
        self.is_idle = True
        self._since = now
        if self._buffer or self.is_retired:
            self._look_again()

    def something_waits(self) -> bool:
        """Whether bytes, or the end of the connection, wait to be read."""
        return bool(self._buffer or self._tail or self.poll_readable(0))

    def retire(self) -> float:
        """Let the connection serve no further call, and close it after a watch."""
        self.is_retired = True
        if self.is_idle and not self._is_gone:
            self._state.must_sweep = True
            self._watch()
        return self._state.watch_seconds

    def distrust(self) -> None:
        """Close the connection and tell the owners of attempts. See ``Connection``."""
        if self._is_distrusted or not self.was_used:
            return
        # The last answer on a watched connection is not believed before the watch ends.
        is_believed = self.is_idle and not self.is_retired and self._is_plain_end()
        self._is_distrusted = self.is_retired = True
        if self.is_idle:
            self._state.must_sweep = True
        served = tuple(self._served)
        self._served.clear()
        self.abort()
        self._state.end_trust(self)
        if served and not is_believed:
            served[-1].is_doubtful = True
        for evidence in served:
            evidence.tell_doubt()

    async def stays_quiet(self) -> None:
        """Wait until the connection is closed, after its watch at the latest."""
        if self._is_gone or not self.is_idle:
            return
        if self._gone is None:
            self._gone = self._loop.create_future()
        await asyncio.shield(self._gone)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that the connection is open."""
        super().connection_made(transport)
        self._state.open.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse the bytes that came; while no call waits they break the protocol."""
        if self.is_idle and data:  # aiohttp passes b"" to parse what it kept
            self._take_unasked(data)
            return
        self.heard = data
        if len(data) <= PIECE:
            FEED(self, data)  # nearly always; saves a step
        else:
            super().data_received(data)
        if self.is_idle and self._buffer:  # the answer ended, and another began
            self.distrust()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - as aiohttp has it
        """Go on with reading if it was paused."""
        # aiohttp calls this twice for each answer, although reading is seldom paused.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _on_read_timeout(self) -> None:
        """Report that nothing came, but only after a last look."""
        late: Any = LastLook(self._loop, super()._on_read_timeout)
        self._read_timeout_handle = late  # cancelled like a timer, when something comes

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note that the connection is closed."""
        self._is_gone = True
        self._state.open.discard(self)
        self._served.clear()
        if self._closing is not None:
            self._closing.cancel()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        super().connection_lost(exc)

    def _look_again(self) -> None:
        if self._buffer:  # another answer came with it
            self.distrust()
        else:
            self._watch()

    def _take_unasked(self, data: bytes) -> None:
        rested = monotonic() - self._since >= SHORTEST_WATCH
        if not data.strip(b"\r\n") or (rested and data[9:12] == _TIMED_OUT):
            self.force_close()  # some servers announce the end so
            self.retire()
        else:
            self.distrust()

    def _is_plain_end(self) -> bool:
        """Whether the last answer is probably that of its own call.

        The bytes that came with it then hold no other call id.
        """
        return len(call_ids_in(self.heard)) <= 1

    def _watch(self) -> None:
        if self._closing is None:
            seconds = self._state.watch_seconds
            self._closing = self._loop.call_later(seconds, self.abort)
