"""One PABX at run time: who waits for it, who is on the wire, and when the next goes.

The decisions are made elsewhere (``_pacing``, ``_policy``); an admission asks them,
admits waiters first come first served, and keeps one timer for all of them.
"""

import asyncio
import math
import random
from collections.abc import Callable, Iterable

from digitro_async.dispatch._doubts import Doubts
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.dispatch._policy import (
    Breaker,
    BreakerState,
    RetryQuota,
)
from digitro_async.dispatch._repeated_ids import RepeatedIds
from digitro_async.dispatch._shared_caps import give_back, make_pacer, reserve_slots
from digitro_async.dispatch._statistics import Counters, PABXStatistics
from digitro_async.dispatch._throttle import Throttle
from digitro_async.dispatch._waiters import Waiter, Waiting
from digitro_async.errors import (
    DrainedError,
    NotSentError,
    PABXPausedError,
    RateWaitTimeoutError,
    ThrottledError,
)
from digitro_async.models import PABX
from digitro_async.protocol import AttemptResult
from digitro_async.settings import PauseSettings, RateLimit, RetrySettings

__all__ = ["Admission"]

_CLOSED, _PAUSED_BY_HAND = BreakerState.CLOSED, BreakerState.PAUSED_BY_HAND

SHORTEST_TIMER = 1e-5
"""Seconds; a loop fires a shorter timer too early, again and again."""

YIELD_SECONDS = 1e-4
"""How much later an admission asks again that went last, where others share its cap."""

_NOBODY, _IMPATIENT, _PATIENT, _EVERYBODY = range(4)
"""Who is turned away; each takes those before in."""


class Admission:
    """Admission to one PABX.

    Args:
        pabx: The PABX.
        retry: Limits of retries.
        pause: When to pause it.
        chance: Returns a number from 0 to 1: the jitter of its back-off.
        pacer: What paces the calls to its address; None where it has that to itself.

    Attributes:
        beside: The admissions of other PABX at its address, which share its pacer.
        is_repeated: Tells whether the PABX gave a call id lately, and remembers it.
        throttle: Until when the PABX asked for rest.
        on_load_decreased: Told when it has become less loaded, or is no longer paused;
            None where nobody chooses, because there is one admission.
    """

    def __init__(
        self,
        pabx: PABX,
        retry: RetrySettings,
        pause: PauseSettings,
        chance: Callable[[], float] = random.random,
        pacer: Pacer | Together | None = None,
    ) -> None:
        self.pabx = pabx
        self.quota = RetryQuota(retry)
        self.breaker = Breaker(pause)
        self.counters = Counters()
        self.doubts = Doubts(pabx.name, self.counters)
        self.beside: tuple[Admission, ...] = ()
        self.on_load_decreased: Callable[[Admission], object] | None = None
        self._wait_for_resume = pause.wait_for_resume
        self._max_in_flight = pabx.max_in_flight
        self._chance = chance
        self._pacer = pacer or make_pacer([pabx], pause.first_pause)
        self.throttle = Throttle(retry)
        self._waiters = Waiting()
        self._shut = _NOBODY  # those are turned away already
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False
        self.is_repeated = RepeatedIds().is_repeated

    @property
    def load(self) -> float:
        """How busy it is: calls on the wire and waiting, against its capacity."""
        return (self.counters.in_flight + self._waiters.count) / self._max_in_flight

    @property
    def needs_resume(self) -> bool:
        """Whether it is paused until somebody calls ``resume``."""
        return self.breaker.state is _PAUSED_BY_HAND

    @property
    def is_draining(self) -> bool:
        """Whether it was told to start no call any more."""
        return self._draining

    @property
    def is_paused(self) -> bool:
        """Whether it is paused in any way."""
        return self.breaker.state is not _CLOSED

    def acquire_nowait(self, now: float) -> bool | None:
        """Start a call at once if its turn is now.

        Returns:
            Whether the call is a probe; None where it has to wait.
        """
        if self._waiters.count or self._draining or self._earliest(now) > now:
            return None
        return self._start(now)

    async def acquire(
        self, *, wait_while_paused: bool, max_wait: float | None = None
    ) -> bool:
        """Wait for a call's turn, start it and tell whether it is a probe.

        Args:
            wait_while_paused: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait, None for no limit.

        Raises:
            PABXPausedError: If the PABX is paused and won't be waited for.
            RateWaitTimeoutError: If the turn did not come in time.
            DrainedError: If it was told to stop before.
        """
        refusal = self._refusal_of(wait_while_paused=wait_while_paused)
        if refusal is not None:
            raise refusal
        loop = asyncio.get_running_loop()
        waiter = Waiter(loop.create_future(), wait_while_paused)
        limit = None
        if max_wait is not None:
            limit = loop.call_later(max_wait, self._expire, waiter)
        self._waiters.join(waiter)
        try:
            self._admit_waiters()
            return await waiter.turn
        except BaseException:  # cancelled, or closed as a coroutine that nobody awaits
            self._forget(waiter)
            raise
        finally:
            if limit is not None:
                limit.cancel()

    def release(
        self,
        settled: AttemptResult,
        now: float,
        *,
        probe: bool,
        started: float = -math.inf,
    ) -> None:
        """Take what one attempt settled into account and let the next one go.

        Args:
            settled: What it settled.
            now: The time.
            probe: Whether it was a probe.
            started: When it started.
        """
        self.counters.in_flight -= 1
        if self._pacer is not None:
            give_back(self._pacer, settled, now, started)
        if settled.accepted is not None and not probe:
            self.breaker.record_accepted()
            self.quota.refund()
            self.throttle.run = 0
        else:
            self._count_trouble(settled, now, probe=probe)
        if self._waiters.count:
            self._admit_waiters()
        if self.beside:
            self._wake_beside()
        if self.on_load_decreased is not None:  # a step less than by _notify
            self.on_load_decreased(self)

    def _count_trouble(
        self, settled: AttemptResult, now: float, *, probe: bool
    ) -> None:
        if settled.classification.error is ThrottledError:
            self.throttle.record(settled.retry_after, now, self._chance())
        elif settled.accepted is not None:
            self.throttle.run = 0
        self.counters.alarms += settled.classification.protocol_violation
        self.breaker.record(settled.classification, now, probe=probe)

    def cancel(
        self, now: float, *, sent: bool, probe: bool, started: float = -math.inf
    ) -> None:
        """Note that an attempt was cut off; it counts by its evidence.

        Args:
            now: The time.
            sent: Whether it may have been sent: then it may still be delivered.
            probe: Whether it was a probe.
            started: When it started.
        """
        if sent:
            self.breaker.record_cut_off(now, probe=probe)
        elif probe:
            self.breaker.cut_probe(now)
        self._leave_wire(now, sent=sent, started=started)

    def _leave_wire(
        self, now: float, *, sent: bool, started: float = -math.inf
    ) -> None:
        self.counters.in_flight -= 1
        if self._pacer is not None:
            if sent:
                self._pacer.lose(now, started)
            else:
                self._pacer.settle(now, sent=False)
        if self._waiters.count:
            self._admit_waiters()
        if self.beside:
            self._wake_beside()
        self._notify()

    def reserve_slots(
        self,
        free_at: Iterable[float],
        lost_until: Iterable[float] = (),
        *,
        now: float = -math.inf,
        limit: RateLimit | None = None,
    ) -> None:
        """Take the rate slots of calls that were made before.

        Args:
            free_at: For each call that was answered, when its slot is free.
            lost_until: For each that was not, when its slot is free at the latest.
            now: The time: what starts later is sent later than the lost ones.
            limit: The cap that the slots are of, None for every one.
        """
        if self._pacer is not None:
            reserve_slots(self._pacer, list(free_at), list(lost_until), now, limit)

    def pause(self, reason: str) -> None:
        """Start no call until ``resume``."""
        self.breaker.hold(reason)
        self._admit_waiters()

    def resume(self) -> None:
        """Start calls again."""
        self.breaker.resume()
        self.throttle.lift()
        self._admit_waiters()
        self._notify()

    def drain(self) -> None:
        """Start no call any more; whoever waits is told so."""
        self._draining = True
        self._admit_waiters()

    def snapshot(self, now: float) -> PABXStatistics:
        """Return its statistics."""
        counters, breaker = self.counters, self.breaker
        throttled = self.throttle.until > now
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

    def _refusal_of(self, *, wait_while_paused: bool) -> NotSentError | None:
        """Return why somebody is not waited for, None where he is."""
        shut = self._who_is_shut_out()
        if shut == _EVERYBODY:
            return DrainedError(pabx=self.pabx.name, reason="drained")
        if shut > (_IMPATIENT if wait_while_paused else _NOBODY):
            return self.paused_error()
        return None

    def _who_is_shut_out(self) -> int:
        if self._draining:
            return _EVERYBODY
        if self.needs_resume and not self._wait_for_resume:
            return _PATIENT
        return _IMPATIENT if self.is_paused else _NOBODY

    def paused_error(self) -> PABXPausedError:
        """Return the error of a call that won't wait for its pause to end."""
        error = PABXPausedError(pabx=self.pabx.name, reason=self.breaker.reason)
        if not self.needs_resume:
            error.retry_after = self._seconds_left(live_time())
        return error

    def _seconds_left(self, now: float) -> float | None:
        """Return seconds until it tries again by itself, None where it won't."""
        left = self.breaker.seconds_left(now)
        return None if left is None else max(left, self.throttle.until - now)

    def _earliest(self, now: float) -> float:
        if self.counters.in_flight >= self._max_in_flight:
            return math.inf
        when = max(self.breaker.until, self.throttle.until)
        if self._pacer is not None:
            when = max(when, self._pacer.earliest(now))
        return when

    def _start(self, now: float) -> bool:
        if self._pacer is not None:
            self._pacer.start(now)
        self.counters.start(now)
        return self.breaker.state is not _CLOSED and self.breaker.start()

    def _wake_beside(self) -> None:
        """Let those look again who share the pacer: a slot may be free now."""
        for admission in self.beside:
            if admission._waiters.count:  # noqa: SLF001 - one of its own kind
                admission._admit_waiters()  # noqa: SLF001 - same

    def _admit_waiters(self) -> None:
        """Wake whoever may go now and set the timer for the next one."""
        turn_of_others = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reject_waiters()
        while (waiter := self._waiters.first()) is not None:
            now = live_time()
            when = self._earliest(now)
            if when > now:
                if when < math.inf:
                    delay = max(when - now, SHORTEST_TIMER) + turn_of_others
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(delay, self._admit_waiters)
                return
            self._waiters.serve(waiter, probe=self._start(now))
            if self.beside:
                turn_of_others = YIELD_SECONDS

    def _reject_waiters(self) -> None:
        """Tell those who will not be waited for that the PABX takes no calls.

        Whoever comes later is told before it waits, so this is done once a pause.
        """
        if not (self._draining or self.is_paused):
            self._shut = _NOBODY
            return
        known, self._shut = self._shut, self._who_is_shut_out()
        if self._shut <= known:
            return
        self._waiters.turn_away(
            lambda one: self._refusal_of(wait_while_paused=one.wait_while_paused)
        )
        self._notify()

    def _notify(self) -> None:
        if self.on_load_decreased is not None:
            self.on_load_decreased(self)

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
            self._notify()

    def _expire(self, waiter: Waiter) -> None:
        if not waiter.turn.done():
            name, reason = self.pabx.name, "rate_wait_timeout"
            waiter.turn.set_exception(RateWaitTimeoutError(pabx=name, reason=reason))
            self._waiters.leave(waiter)
            self._notify()
