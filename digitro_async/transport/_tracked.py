"""Connections that remember their attempts and notice answers nobody asked for.

HTTP/1.1 pairs answers with requests by their order alone. A PABX (or a hop before it)
that writes one answer too many puts its connection out of step: from then on every
call on it gets the answer of the call before. Nothing in such an answer shows that.
But the true answer to the last call then comes while nobody waits for it. So a
connection rests before it is used again, and whatever comes during the rest breaks the
protocol. Then the owners of its attempts since it was last known to be quiet are told.

aiohttp makes each connection, with a reader of its own. The protocol of this module is
then set on the transport, by asyncio's own method, and stays there until the end. It
reads answers of the documented shape itself and hands the bytes of all others to
aiohttp's reader.
"""

import asyncio
from collections import deque
from time import monotonic
from typing import Any, Final

import aiohttp

from digitro_async.protocol import (
    ACCEPTED_STATUS,
    MAX_ANSWER_BYTES,
    Evidence,
    Failure,
    Observation,
    call_ids_in,
)
from digitro_async.transport._deadlines import LastLook
from digitro_async.transport._direct_answers import ReadAnswer, whole_answer
from digitro_async.transport._failures import lost_error
from digitro_async.transport._interim import InterimFloodError, InterimGuard
from digitro_async.transport._plain_answer import END_OF_HEAD
from digitro_async.transport._pool_state import KEPT_SHARE, SHORTEST_WATCH, Home

__all__ = ["TrackedProtocol"]

REMEMBERED: Final = 16
"""Most attempts that one connection remembers; it is usually quiet after far fewer."""

_TIMED_OUT: Final = b"408"
"""Status that some servers send, unasked, before they close an idle connection (RFC
9110 section 15.5.9). It is the answer to no call."""


class TrackedProtocol(asyncio.Protocol):
    """One connection; also the ``Connection`` of its attempts.

    Args:
        raw: aiohttp's connection, whose transport has this protocol from now on.
        home: The pool.

    Attributes:
        is_idle: Whether no attempt is on it, so that nothing may arrive.
        is_retired: Whether it serves no further call.
        was_used: Whether an attempt is or was on it, or it waited for its first one.
        was_reused: Whether that was so before the last attempt.
        poll_readable: Function that tells, within a number of ms, if it can be read.
        heard: The bytes that came last.
        raw: aiohttp's connection.
        reader: aiohttp's reader of the connection.
        transport: The transport of the connection.
        since: When an attempt began on it, or it was given back.
        holder: The part that may use it now, None while it is in the pool.
    """

    __slots__ = (
        *("__weakref__", "_answer", "_closing", "_failed", "_gone", "_guard"),
        *("_has_more", "_heads", "_home", "_is_distrusted", "_is_gone"),
        *("_keeps_alive", "_loop", "_make_future", "_served", "_silence"),
        *("_silence_timer", "_state", "_write", "heard", "holder", "is_idle"),
        *("is_retired", "poll_readable", "raw", "reader", "since", "transport"),
        *("was_reused", "was_used"),
    )

    def __init__(self, raw: Any, home: Home, loop: asyncio.AbstractEventLoop) -> None:
        self.raw, self.reader = raw, raw.protocol
        self.transport: asyncio.Transport = raw.transport
        self._home, self._state, self._loop = home, home.state, loop
        self._heads = home.state.heads
        self._write, self._make_future = self.transport.write, loop.create_future
        self.is_idle = True
        self.is_retired = self.was_used = self.was_reused = False
        self.poll_readable: Any = None
        self.holder: object = None
        self.heard = b""
        self.since = 0.0
        self._served: deque[Evidence] = deque(maxlen=REMEMBERED)
        self._answer: asyncio.Future[Observation | ReadAnswer] | None = None
        self._guard: InterimGuard | None = None
        self._failed: tuple[Evidence, Failure] | None = None
        self._silence: float | None = None
        self._silence_timer: Any = None
        self._is_distrusted = self._is_gone = self._has_more = False
        self._keeps_alive = True
        self._closing: asyncio.TimerHandle | None = None
        self._gone: asyncio.Future[None] | None = None
        home.state.open.add(self)

    @property
    def is_open(self) -> bool:
        """Whether the connection is neither closed nor about to be."""
        return not (self._is_gone or self.transport.is_closing())

    # One attempt.

    def begin(self, evidence: Evidence, silence: float | None = None) -> None:
        """Note that the first byte of an attempt is about to leave.

        Args:
            evidence: The evidence of the attempt.
            silence: Most seconds without a byte, None where the deadline comes first.
        """
        now = monotonic()
        served = self._served
        if now - self.since >= 2 * self._state.slowest:
            served.clear()  # quiet for longer than an answer takes
        self.is_idle = False
        self.was_reused = self.was_used
        self.was_used = True
        self.since = now
        evidence.connection = self
        served.append(evidence)
        if silence is not None:
            self._silence = silence
            self._restart_silence()

    def send(
        self, request: bytes, evidence: Evidence, silence: float | None
    ) -> "asyncio.Future[Observation | ReadAnswer]":
        """Set the evidence, then write a whole request.

        Returns:
            The observation of a whole answer, or an answer that began to come.
        """
        self.begin(evidence, silence)
        evidence.request_started = True  # raises where it may not be written any more
        self._answer = answer = self._make_future()
        self._write(request)
        return answer

    def expect(self) -> None:
        """Let aiohttp's reader read the answer to a request that aiohttp writes."""
        self._guard = InterimGuard(self.reader, lambda: self.is_idle)

    def give_back(self) -> None:
        """Note that the answer was read to its end."""
        now, state = monotonic(), self._state
        took = now - self.since
        slowest = state.slowest * KEPT_SHARE
        state.slowest = took if took > slowest else slowest  # noqa: FURB136 - sooner
        self.is_idle = True
        self.since = now
        self.holder = None
        if self._silence is not None:
            self._stop_silence()
        if (
            self._guard is None
            and self._keeps_alive
            and not (self._has_more or self.is_retired or self._is_gone)
        ):
            self._home.take_back(self, True)  # noqa: FBT003 - the hot path
        else:
            self._end_use()

    def _end_use(self) -> None:
        """Give the connection back where it may be of no further use."""
        usable = self._keeps_alive and not self._is_gone
        if self._has_more or (self._guard is not None and len(self.reader)):
            self.distrust()  # another answer came with it
        if self._guard is not None:
            self._guard = None
            usable = usable and not self.reader.should_close
        if self.is_retired:
            usable = False
            if not self._is_distrusted:
                self._watch()
        elif not usable:
            self.abort()
        self._home.take_back(self, usable)
        if self._is_gone:
            self._part()

    def give_up(self, holder: object) -> None:
        """Close the connection, unless the holder gave it back."""
        if self.holder is holder:
            self.holder = None
            if self._silence is not None:
                self._stop_silence()
            self.abort()
            self._home.take_back(self, False)  # noqa: FBT003 - as above
            self._part()

    def failure_of(self, evidence: Evidence) -> Failure | None:
        """Return why the attempt was ended here, None where it was not."""
        failed = self._failed
        return failed[1] if failed is not None and failed[0] is evidence else None

    # The order of answers. See ``Connection``.

    def something_waits(self) -> bool:
        """Whether bytes, or the end of the connection, wait to be read."""
        return bool(self.poll_readable(0))

    def retire(self) -> float:
        """Let the connection serve no further call, and close it after a watch."""
        self.is_retired = True
        if self.is_idle and not self._is_gone:
            self._state.must_sweep = True
            self._watch()
        return self._state.watch_seconds

    def distrust(self) -> None:
        """Close the connection and tell the owners of attempts."""
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

    def abort(self) -> None:
        """Close the connection and drop what is not sent yet."""
        self.transport.abort()

    # The methods that asyncio calls.

    def data_received(self, data: bytes) -> None:
        """Read the bytes that came; while no call waits they break the protocol."""
        if type(data) is not bytes:
            data = bytes(data)  # of Windows' loop
        if self.is_idle:
            self._take_unasked(data)
            return
        self.heard = data
        answer = self._answer
        if answer is None:
            self._hand_over(data)
            return
        self._answer = None
        head, end, body = data.partition(END_OF_HEAD)
        known, size = self._heads.get(hash(head)), len(data)
        if known is not None and known.size == size <= MAX_ANSWER_BYTES:
            # Nearly always. All by position and none left out: Python then calls the
            # constructor directly.
            seen = Observation(True, ACCEPTED_STATUS, body, None, None, None, False)  # noqa: FBT003
        elif (known := self._heads.read(head + end)) is None or known.size != size:
            self._read_by_aiohttp(data, answer)
            return
        else:
            seen = whole_answer(known, body)
        if not answer.done():  # it is done where its task was cancelled
            self._keeps_alive = known.keeps_alive
            answer.set_result(seen)

    def eof_received(self) -> None:
        """Note that the PABX sends no more; asyncio then closes the connection."""
        self.reader.eof_received()

    def pause_writing(self) -> None:
        """Let aiohttp write no more for now."""
        self.reader.pause_writing()

    def resume_writing(self) -> None:
        """Let aiohttp go on with writing."""
        self.reader.resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note that the connection is closed."""
        self._is_gone = True
        self._state.open.discard(self)
        self._served.clear()
        if self._closing is not None:
            self._closing.cancel()
        if self._silence_timer is not None:
            self._stop_silence()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(lost_error(exc))
        self.reader.connection_lost(exc)
        if self.holder is None:
            self._home.forget(self)
        self._part()

    # Details.

    def _read_by_aiohttp(
        self, data: bytes, answer: "asyncio.Future[Observation | ReadAnswer]"
    ) -> None:
        """Let aiohttp's reader read an answer that began to come."""
        self.reader.set_response_params(read_until_eof=True, auto_decompress=False)
        self.expect()
        self._hand_over(data)
        if not answer.done():
            answer.set_result(ReadAnswer(self, self._served[-1]))

    def _part(self) -> None:
        """Let aiohttp forget a connection that is closed and that nobody uses."""
        # Closing it earlier would take the error from the reader.
        if self._is_gone and self.holder is None:
            self.raw.close()

    def _hand_over(self, data: bytes) -> None:
        """Let aiohttp's reader have the bytes of an answer."""
        guard = self._guard
        if guard is None:  # the answer is whole, and its task did not run yet
            self._has_more = True
            return
        if self._silence is not None:
            self._restart_silence()
        try:
            taken = guard.feed(data)
        except InterimFloodError as error:
            self._fail(Failure.INTERIM, error)
            return
        if self.is_idle and (len(self.reader) or data[taken:].strip(b"\r\n")):
            self.distrust()  # the answer ended, and another began

    def _fail(self, failure: Failure, error: Exception) -> None:
        """End the attempt."""
        if self._served:
            self._failed = self._served[-1], failure
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.reader.set_exception(error)
        self.abort()

    def _take_unasked(self, data: bytes) -> None:
        rested = monotonic() - self.since >= SHORTEST_WATCH
        if not data.strip(b"\r\n") or (rested and data[9:12] == _TIMED_OUT):
            self.retire()  # some servers announce the end so
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

    def _restart_silence(self) -> None:
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        seconds = self._silence
        assert seconds is not None  # noqa: S101 - for the type checker
        self._silence_timer = self._loop.call_later(seconds, self._look_once_more)

    def _stop_silence(self) -> None:
        self._silence = None
        if self._silence_timer is not None:
            self._silence_timer.cancel()
            self._silence_timer = None

    def _look_once_more(self) -> None:
        self._silence_timer = LastLook(self._loop, self._end_silence)

    def _end_silence(self) -> None:
        self._fail(Failure.TIMEOUT, aiohttp.SocketTimeoutError())
