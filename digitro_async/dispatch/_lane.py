"""One PABX at run time: who waits for it, who is on the wire, and when the next goes.

The decisions are made elsewhere (``_pacing``, ``_policy``); a lane asks them, wakes
waiters first come first served, and keeps one timer for all of them.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable

import attrs

from digitro_async.dispatch._clock import live_time
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.dispatch._policy import Breaker, BreakerState, RetryQuota
from digitro_async.dispatch._shared import make_pacer
from digitro_async.dispatch._statistics import Counters, PABXStatistics
from digitro_async.errors import (
    DrainedError,
    NotSentError,
    Outcome,
    PABXPausedError,
    RateWaitTimeoutError,
)
from digitro_async.models import PABX
from digitro_async.protocol import Settled, is_answer
from digitro_async.settings import PauseSettings, RateLimit, RetrySettings

__all__ = ["Lane"]

_NOT_SENT, _CLOSED, _HELD = Outcome.NOT_SENT, BreakerState.CLOSED, BreakerState.HELD

SHORTEST_TIMER = 1e-5
"""Seconds; a loop fires a shorter timer too early, again and again."""

YIELD_SECONDS = 1e-4
"""How much later a lane asks again that went last, where others share its cap."""

REMEMBERED_IDS = 25_000
"""Call ids of one generation; two generations are remembered for each PABX."""


@attrs.define(eq=False)
class _Waiter:
    turn: asyncio.Future[bool]
    patient: bool


class Lane:
    """Admission to one PABX.

    Args:
        pabx: The PABX.
        retry: Limits of retries.
        pause: When to pause it.
        pacer: What paces the calls to its address; None where it has that to itself.

    Attributes:
        beside: The lanes of other PABX at its address, which share its pacer.
        on_lighter: Told when it has become less loaded, or is no longer paused; None
            where nobody chooses, because there is one lane.
    """

    def __init__(
        self,
        pabx: PABX,
        retry: RetrySettings,
        pause: PauseSettings,
        pacer: Pacer | Together | None = None,
    ) -> None:
        self.pabx = pabx
        self.quota = RetryQuota(retry)
        self.breaker = Breaker(pause)
        self.counters = Counters()
        self.beside: tuple[Lane, ...] = ()
        self.on_lighter: Callable[[Lane], object] | None = None
        self._wait_for_resume = pause.wait_for_resume
        self._max_in_flight = pabx.max_in_flight
        self._max_retry_after = retry.max_retry_after
        self._pacer = pacer or make_pacer([pabx], pause.first_pause)
        self._throttled_until = -math.inf
        self._waiters: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False
        self._ids: set[str] = set()
        self._older_ids: set[str] = set()

    @property
    def load(self) -> float:
        """How busy it is: calls on the wire and waiting, against its capacity."""
        busy = self.counters.in_flight + len(self._waiters)
        return busy / self._max_in_flight

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
        if self._waiters or self._draining or self._earliest(now) > now:
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
        self._check_open(patient=patient)
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), patient)
        self._waiters.append(waiter)
        self._pump()
        limit = None
        if max_wait is not None:
            limit = loop.call_later(max_wait, self._expire, waiter)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            self._forget(waiter)
            raise
        finally:
            if limit is not None:
                limit.cancel()

    def settle(
        self,
        settled: Settled,
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
        pacer = self._pacer
        if pacer is not None:
            if settled.accepted is not None or _is_answered(settled):
                pacer.settle(now, started)
            elif settled.verdict.outcome is _NOT_SENT:
                pacer.settle(now, sent=False)
            else:
                pacer.lose(now, started)
        if settled.accepted is not None and not probe:
            self.breaker.record_accepted()
            self.quota.refund()
        else:
            self._settle_trouble(settled, now, probe=probe)
        if self._waiters:
            self._pump()
        if self.beside:
            self._wake_beside()
        self._tell()

    def _settle_trouble(self, settled: Settled, now: float, *, probe: bool) -> None:
        if settled.retry_after is not None:
            self.hold_back(now + min(settled.retry_after, self._max_retry_after))
        self.counters.alarms += settled.verdict.alarm
        self.breaker.record(settled.verdict, now, probe=probe)

    def abandon(
        self, now: float, *, sent: bool, probe: bool, started: float = -math.inf
    ) -> None:
        """Note that an attempt was cancelled; it says nothing about the PABX.

        Args:
            now: The time.
            sent: Whether it may have been sent: then it may still be delivered.
            probe: Whether it was a probe.
            started: When it started.
        """
        self.counters.in_flight -= 1
        if self._pacer is not None:
            if sent:
                self._pacer.lose(now, started)
            else:
                self._pacer.settle(now, sent=False)
        if probe:
            self.breaker.abandon_probe(now)
        if self._waiters:
            self._pump()
        if self.beside:
            self._wake_beside()
        self._tell()

    def is_repeated(self, call_id: str) -> bool:
        """Whether this PABX gave that call id lately; remember it."""
        if call_id in self._ids or call_id in self._older_ids:
            return True
        self._ids.add(call_id)
        if len(self._ids) >= REMEMBERED_IDS:
            self._older_ids, self._ids = self._ids, set()
        return False

    def hold_back(self, until: float) -> None:
        """Start no call before that moment: the PABX asked for fewer."""
        self._throttled_until = max(self._throttled_until, until)

    def hold_slots(
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
        pacer = self._pacer
        if pacer is None:
            return
        free_at, lost_until = list(free_at), list(lost_until)
        pacers = (
            pacer.pacers.items() if isinstance(pacer, Together) else [(limit, pacer)]
        )
        for its_limit, one in pacers:
            if limit is None or its_limit == limit:
                one.hold(free_at, lost_until, now=now)

    def pause(self, reason: str) -> None:
        """Start no call until ``resume``."""
        self.breaker.hold(reason)
        self._pump()

    def resume(self) -> None:
        """Start calls again."""
        self.breaker.resume()
        self._throttled_until = -math.inf
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
        until = max(breaker.until, self._throttled_until if throttled else -math.inf)
        return PABXStatistics(
            name=self.pabx.name,
            in_flight=counters.in_flight,
            waiting=len(self._waiters),
            attempts=counters.attempts,
            outcomes=dict(counters.outcomes),
            rate=counters.rate(now),
            paused=breaker.reason or ("throttled" if throttled else ""),
            resumes_in=until - now if now < until < math.inf else None,
            alarms=counters.alarms,
        )

    def _check_open(self, *, patient: bool) -> None:
        if self._draining:
            raise DrainedError(pabx=self.pabx.name, reason="drained")
        if self.is_held and not (patient and self._wait_for_resume):
            raise self._paused_error()
        if self.is_paused and not patient:
            raise self._paused_error()

    def _paused_error(self) -> PABXPausedError:
        error = PABXPausedError(pabx=self.pabx.name, reason=self.breaker.reason)
        if self.breaker.state is BreakerState.OPEN:
            now = live_time()
            error.retry_after = max(0.0, self.breaker.until - now)
        return error

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

    def _wake_beside(self) -> None:
        """Let those look again who share the pacer: a slot may be free now."""
        for lane in self.beside:
            if lane._waiters:  # noqa: SLF001 - one of its own kind
                lane._pump()  # noqa: SLF001 - same

    def _pump(self) -> None:
        """Wake whoever may go now and set the timer for the next one."""
        turn_of_others = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._turn_away()
        while self._waiters:
            if self._waiters[0].turn.done():
                self._waiters.popleft()
                continue
            now = live_time()
            when = self._earliest(now)
            if when > now:
                if when < math.inf:
                    delay = max(when - now, SHORTEST_TIMER) + turn_of_others
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(delay, self._pump)
                return
            probe = self._start(now)
            self._waiters.popleft().turn.set_result(probe)
            if self.beside:
                turn_of_others = YIELD_SECONDS

    def _turn_away(self) -> None:
        """Tell those who will not be waited for that the PABX takes no calls."""
        if not (self._draining or self.is_paused):
            return
        kept: deque[_Waiter] = deque()
        for waiter in self._waiters:
            if waiter.turn.done():
                continue
            try:
                self._check_open(patient=waiter.patient)
            except NotSentError as error:
                waiter.turn.set_exception(error)
            else:
                kept.append(waiter)
        self._waiters = kept
        self._tell()

    def _tell(self) -> None:
        if self.on_lighter is not None:
            self.on_lighter(self)

    def _forget(self, waiter: _Waiter) -> None:
        """Undo what a cancelled waiter had: its place, or its start."""
        turn = waiter.turn
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self.counters.attempts -= 1
            self.abandon(live_time(), sent=False, probe=turn.result())
        else:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            self._tell()

    def _expire(self, waiter: _Waiter) -> None:
        if not waiter.turn.done():
            self._waiters.remove(waiter)
            self._tell()
            name, reason = self.pabx.name, "rate_wait_timeout"
            waiter.turn.set_exception(RateWaitTimeoutError(pabx=name, reason=reason))


def _is_answered(settled: Settled) -> bool:
    return is_answer(settled.verdict.outcome, settled.verdict.reason)
