"""Connections that know whom they served, and notice what nobody asked for.

HTTP/1.1 pairs answers with requests by their order alone. A PABX (or a hop before it)
that writes one answer too many puts its connection out of step: from then on every
call on it gets the answer of the call before. Nothing in such an answer shows that.
What does show is the rest: the true answer of the last call comes when nobody waits
for it. So a connection rests before it is used again, whatever comes meanwhile is a
breach, and those that the connection served since it was last known quiet are told.
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
"""Attempts that one connection remembers; it is quiet after far fewer, as a rule."""

SHORTEST_WATCH: Final = 0.25
LONGEST_WATCH: Final = 5.0
"""Seconds that a retired connection is watched: twice a slow answer, within these."""

_KEPT_SHARE: Final = 0.999
"""What each faster answer leaves of how slow one may be: half after 700 of them."""

_TIMED_OUT: Final = b"408"
"""Some servers say so, unasked, before they close a connection that was idle (RFC 9110
section 15.5.9). It is the answer to no call."""


class PoolState:
    """What the connections of one pool have in common.

    Attributes:
        open: The connections that are open.
        slowest: Seconds of a slow answer, of late.
        must_sweep: Whether a connection was retired that stands in the pool.
        was_breached: Whether an answer came that no call waited for.
    """

    __slots__ = ("must_sweep", "open", "slowest", "was_breached")

    def __init__(self) -> None:
        self.open: weakref.WeakSet[TrackedProtocol] = weakref.WeakSet()
        self.slowest = 0.0
        self.must_sweep = self.was_breached = False

    @property
    def watch_seconds(self) -> float:
        """Seconds after which an answer that is out of step has shown itself."""
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
        state: What it has in common with others of its pool.

    Attributes:
        is_idle: No attempt is on it, so nothing may arrive.
        is_retired: It serves no further call.
        was_used: An attempt is on it, or was.
        poll_readable: Returns what waits to be read, after some milliseconds at most.
    """

    # Not in the instance's dictionary: with more than thirty names in it Python looks
    # each of aiohttp's up the slow way, and a call takes 4 % more instructions.
    __slots__ = (
        "_closing",
        "_gone",
        "_is_distrusted",
        "_is_gone",
        "_last",
        "_served",
        "_since",
        "_state",
        "is_idle",
        "is_retired",
        "poll_readable",
        "was_used",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, state: PoolState) -> None:
        super().__init__(loop)
        self.is_idle = True
        self.is_retired = self.was_used = False
        self.poll_readable: Any = None
        self._state = state
        self._served: deque[Evidence] = deque(maxlen=REMEMBERED)
        self._last = b""  # what came last
        self._since = 0.0  # when an attempt began on it, or it was given back
        self._is_distrusted = False
        self._closing: asyncio.TimerHandle | None = None
        self._gone: asyncio.Future[None] | None = None
        self._is_gone = False

    def begin(self, evidence: Evidence) -> None:
        """Take note that the first byte of an attempt is about to leave on it."""
        now = monotonic()
        if now - self._since >= 2 * self._state.slowest:
            self._served.clear()  # it was quiet for longer than an answer takes
        self.is_idle = False
        self.was_used = True
        self._since = now
        evidence.connection = self
        self._served.append(evidence)

    def give_back(self) -> None:
        """Take note that the answer was read to its end."""
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
        """Whether bytes or the end wait to be read."""
        return bool(self._buffer or self._tail or self.poll_readable(0))

    def retire(self) -> float:
        """Let it serve no further call; watch it, then close it."""
        self.is_retired = True
        if self.is_idle and not self._is_gone:
            self._state.must_sweep = True
            self._watch()
        return self._state.watch_seconds

    def distrust(self) -> None:
        """Close it and tell whoever it may have misled. See ``Connection``."""
        if self._is_distrusted or not self.was_used:
            return
        # The last answer is not believed yet where the connection is watched.
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
        """Wait until it was watched for long enough, or is gone."""
        if self._is_gone or not self.is_idle:
            return
        if self._gone is None:
            self._gone = self._loop.create_future()
        await asyncio.shield(self._gone)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note that it is open."""
        super().connection_made(transport)
        self._state.open.add(self)

    def data_received(self, data: bytes) -> None:
        """Read what came; while nobody waits for anything it is a breach."""
        if self.is_idle and data:  # aiohttp hands over nothing to go on with the rest
            self._take_unasked(data)
            return
        self._last = data
        if len(data) <= PIECE:
            FEED(self, data)  # nearly always; a step less
        else:
            super().data_received(data)
        if self.is_idle and self._buffer:  # the answer ended, and another began
            self.distrust()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - as aiohttp has it
        """Read on where reading was paused."""
        # aiohttp asks for it twice an answer, paused or not, and parses nothing then.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _on_read_timeout(self) -> None:
        """Say that nothing came, but only after a last look."""
        late: Any = LastLook(self._loop, super()._on_read_timeout)
        self._read_timeout_handle = late  # cancelled like a timer, when something comes

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take note that it is closed."""
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
            self.force_close()  # its end, as some servers say it
            self.retire()
        else:
            self.distrust()

    def _is_plain_end(self) -> bool:
        """Whether the last answer is its own call's, as far as can be seen.

        It came first, and what came with it gives no other call id.
        """
        return len(call_ids_in(self._last)) <= 1

    def _watch(self) -> None:
        if self._closing is None:
            seconds = self._state.watch_seconds
            self._closing = self._loop.call_later(seconds, self.abort)
