"""One PABX at run time: who waits for it, who is on the wire, and when the next goes.

The decisions are made elsewhere (``_pacing``, ``_policy``); a lane asks them, wakes
waiters first come first served, and keeps one timer for all of them.
"""

import asyncio
import hashlib
import math
import random
from collections.abc import Callable, Iterable

from digitro_async.dispatch._clock import live_time
from digitro_async.dispatch._doubts import Doubts
from digitro_async.dispatch._pacing import Pacer
from digitro_async.dispatch._policy import (
    Breaker,
    BreakerState,
    RetryQuota,
    throttle_pause,
)
from digitro_async.dispatch._statistics import Counters, PABXStatistics
from digitro_async.dispatch._waiting import Waiter, Waiting
from digitro_async.errors import (
    DrainedError,
    NotSentError,
    Outcome,
    OutcomeUnknownError,
    PABXPausedError,
    RateWaitTimeoutError,
    ThrottledError,
)
from digitro_async.models import PABX
from digitro_async.protocol import Failure, Settled, Verdict
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = ["Lane"]

_NOT_SENT, _CLOSED, _HELD = Outcome.NOT_SENT, BreakerState.CLOSED, BreakerState.HELD

SHORTEST_TIMER = 1e-5
"""Seconds; a loop fires a shorter timer too early, again and again."""

REMEMBERED_IDS = 25_000
"""Call ids of one generation; two generations are remembered for each PABX."""

LONGEST_REMEMBERED = 64
"""Characters of a call id that is remembered itself; of a longer one it is a digest."""


_CUT_OFF = Verdict(Outcome.UNKNOWN, OutcomeUnknownError, Failure.CANCELLED)


_NOBODY, _IMPATIENT, _PATIENT, _EVERYBODY = range(4)
"""Who is turned away; each takes those before in."""


class Lane:
    """Admission to one PABX.

    Args:
        pabx: The PABX.
        retry: Limits of retries.
        pause: When to pause it.
        chance: Returns a number from 0 to 1: the jitter of its back-off.

    Attributes:
        on_lighter: Told when it has become less loaded, or is no longer paused; None
            where nobody chooses, because there is one lane.
    """

    def __init__(
        self,
        pabx: PABX,
        retry: RetrySettings,
        pause: PauseSettings,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.pabx = pabx
        self.quota = RetryQuota(retry)
        self.breaker = Breaker(pause)
        self.counters = Counters()
        self.doubts = Doubts(pabx.name, self.counters)
        self.on_lighter: Callable[[Lane], object] | None = None
        self._wait_for_resume = pause.wait_for_resume
        self._max_in_flight = pabx.max_in_flight
        self._retry = retry
        self._chance = chance
        self._pacer = None if pabx.rate is None else Pacer(pabx.rate)
        self._throttled_until = -math.inf
        self._throttles = 0  # since the last acceptance
        self._waiters = Waiting()
        self._shut = _NOBODY  # those are turned away already
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False
        self._ids: set[str | bytes] = set()
        self._older_ids: set[str | bytes] = set()

    @property
    def load(self) -> float:
        """How busy it is: calls on the wire and waiting, against its capacity."""
        return (self.counters.in_flight + self._waiters.count) / self._max_in_flight

    @property
    def is_held(self) -> bool:
        """Whether it is paused until somebody calls ``resume``."""
        return self.breaker.state is _HELD

    @property
    def is_draining(self) -> bool:
        """Whether it was told to start no call any more."""
        return self._draining

    @property
    def is_paused(self) -> bool:
        """Whether it is paused in any way."""
        return self.breaker.state is not _CLOSED

    def try_enter(self, now: float) -> bool | None:
        """Start a call at once if its turn is now.

        Returns:
            Whether the call is a probe; None where it has to wait.
        """
        if self._waiters.count or self._draining or self._earliest(now) > now:
            return None
        return self._start(now)

    async def enter(self, *, patient: bool, max_wait: float | None = None) -> bool:
        """Wait for a call's turn, start it and tell whether it is a probe.

        Args:
            patient: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait, None for no limit.

        Raises:
            PABXPausedError: If the PABX is paused and won't be waited for.
            RateWaitTimeoutError: If the turn did not come in time.
            DrainedError: If it was told to stop before.
        """
        refusal = self._refusal_of(patient=patient)
        if refusal is not None:
            raise refusal
        loop = asyncio.get_running_loop()
        waiter = Waiter(loop.create_future(), patient)
        limit = None
        if max_wait is not None:
            limit = loop.call_later(max_wait, self._expire, waiter)
        self._waiters.join(waiter)
        try:
            self._pump()
            return await waiter.turn
        except BaseException:  # cancelled, or closed as a coroutine that nobody awaits
            self._forget(waiter)
            raise
        finally:
            if limit is not None:
                limit.cancel()

    def settle(self, settled: Settled, now: float, *, probe: bool) -> None:
        """Take what one attempt settled into account and let the next one go."""
        self.counters.in_flight -= 1
        if self._pacer is not None:
            self._pacer.settle(now, sent=settled.verdict.outcome is not _NOT_SENT)
        if settled.accepted is not None and not probe:
            self.breaker.record_accepted()
            self.quota.refund()
            self._throttles = 0
        else:
            self._settle_trouble(settled, now, probe=probe)
        if self._waiters.count:
            self._pump()
        self._tell()

    def _settle_trouble(self, settled: Settled, now: float, *, probe: bool) -> None:
        if settled.verdict.error is ThrottledError:
            self._throttle(settled.retry_after, now)
        elif settled.accepted is not None:
            self._throttles = 0
        self.counters.alarms += settled.verdict.alarm
        self.breaker.record(settled.verdict, now, probe=probe)

    def _throttle(self, retry_after: float | None, now: float) -> None:
        """Hold back: answers to calls that were on the wire together count once."""
        if now >= self._throttled_until or not self._throttles:
            self._throttles += 1
        chance = self._chance()
        pause = throttle_pause(retry_after, self._throttles, self._retry, chance)
        self.hold_back(now + pause)

    def abandon(self, now: float, *, sent: bool, probe: bool) -> None:
        """Note that an attempt was cut off; it counts by its evidence."""
        if sent:
            self.breaker.record(_CUT_OFF, now, probe=probe)
        elif probe:
            self.breaker.cut_probe(now)
        self._leave_wire(now, sent=sent)

    def _leave_wire(self, now: float, *, sent: bool) -> None:
        self.counters.in_flight -= 1
        if self._pacer is not None:
            self._pacer.settle(now, sent=sent)
        if self._waiters.count:
            self._pump()
        self._tell()

    def is_repeated(self, call_id: str) -> bool:
        """Whether this PABX gave that call id lately; remember it."""
        known = call_id if len(call_id) <= LONGEST_REMEMBERED else _digest_of(call_id)
        if known in self._ids or known in self._older_ids:
            return True
        self._ids.add(known)
        if len(self._ids) >= REMEMBERED_IDS:
            self._older_ids, self._ids = self._ids, set()
        return False

    def hold_back(self, until: float) -> None:
        """Start no call before that moment: the PABX asked for fewer."""
        self._throttled_until = max(self._throttled_until, until)

    def hold_slots(self, free_at: Iterable[float]) -> None:
        """Take the rate slots of calls that were made before, until those moments."""
        if self._pacer is not None:
            self._pacer.hold(free_at)

    def pause(self, reason: str) -> None:
        """Start no call until ``resume``."""
        self.breaker.hold(reason)
        self._pump()

    def resume(self) -> None:
        """Start calls again."""
        self.breaker.resume()
        self._throttled_until, self._throttles = -math.inf, 0
        self._pump()
        self._tell()

    def drain(self) -> None:
        """Start no call any more; whoever waits is told so."""
        self._draining = True
        self._pump()

    def snapshot(self, now: float) -> PABXStatistics:
        """Return its statistics."""
        counters, breaker = self.counters, self.breaker
        throttled = self._throttled_until > now
        return PABXStatistics(
            name=self.pabx.name,
            in_flight=counters.in_flight,
            waiting=self._waiters.count,
            attempts=counters.attempts,
            outcomes=dict(counters.outcomes),
            rate=counters.rate(now),
            paused=breaker.reason or ("throttled" if throttled else ""),
            resumes_in=self._seconds_left(now) if self.is_paused or throttled else None,
            alarms=counters.alarms,
            doubtful=counters.doubtful,
        )

    def _refusal_of(self, *, patient: bool) -> NotSentError | None:
        """Return why somebody is not waited for, None where he is."""
        shut = self._who_is_shut_out()
        if shut == _EVERYBODY:
            return DrainedError(pabx=self.pabx.name, reason="drained")
        if shut > (_IMPATIENT if patient else _NOBODY):
            return self.paused_error()
        return None

    def _who_is_shut_out(self) -> int:
        if self._draining:
            return _EVERYBODY
        if self.is_held and not self._wait_for_resume:
            return _PATIENT
        return _IMPATIENT if self.is_paused else _NOBODY

    def paused_error(self) -> PABXPausedError:
        """Return the error of a call that won't wait for its pause to end."""
        error = PABXPausedError(pabx=self.pabx.name, reason=self.breaker.reason)
        if not self.is_held:
            error.retry_after = self._seconds_left(live_time())
        return error

    def _seconds_left(self, now: float) -> float | None:
        """Return seconds until it tries again by itself, None where it won't."""
        left = self.breaker.seconds_left(now)
        return None if left is None else max(left, self._throttled_until - now)

    def _earliest(self, now: float) -> float:
        if self.counters.in_flight >= self._max_in_flight:
            return math.inf
        when = max(self.breaker.until, self._throttled_until)
        if self._pacer is not None:
            when = max(when, self._pacer.earliest(now))
        return when

    def _start(self, now: float) -> bool:
        if self._pacer is not None:
            self._pacer.start(now)
        self.counters.start(now)
        return self.breaker.state is not _CLOSED and self.breaker.start()

    def _pump(self) -> None:
        """Wake whoever may go now and set the timer for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._turn_away()
        while (waiter := self._waiters.first()) is not None:
            now = live_time()
            when = self._earliest(now)
            if when > now:
                if when < math.inf:
                    delay = max(when - now, SHORTEST_TIMER)
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(delay, self._pump)
                return
            self._waiters.serve(waiter, probe=self._start(now))

    def _turn_away(self) -> None:
        """Tell those who will not be waited for that the PABX takes no calls.

        Whoever comes later is told before it waits, so this is done once a pause.
        """
        if not (self._draining or self.is_paused):
            self._shut = _NOBODY
            return
        known, self._shut = self._shut, self._who_is_shut_out()
        if self._shut <= known:
            return
        self._waiters.turn_away(lambda one: self._refusal_of(patient=one.patient))
        self._tell()

    def _tell(self) -> None:
        if self.on_lighter is not None:
            self.on_lighter(self)

    def _forget(self, waiter: Waiter) -> None:
        """Undo what a cancelled waiter had: its place, or its start."""
        turn = waiter.turn
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self.counters.attempts -= 1
            now = live_time()
            if turn.result():
                self.breaker.abandon_probe(now)
            self._leave_wire(now, sent=False)
        else:
            turn.cancel()
            self._waiters.leave(waiter)
            self._tell()

    def _expire(self, waiter: Waiter) -> None:
        if not waiter.turn.done():
            name, reason = self.pabx.name, "rate_wait_timeout"
            waiter.turn.set_exception(RateWaitTimeoutError(pabx=name, reason=reason))
            self._waiters.leave(waiter)
            self._tell()


def _digest_of(call_id: str) -> bytes:
    data = call_id.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()
