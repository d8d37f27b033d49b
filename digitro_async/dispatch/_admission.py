"""Admission to one PABX: who waits for a turn, and who gets one.

The state of the PABX is a ``Standing``; an admission asks it, admits waiters first come
first served, and keeps one timer for all of them.
"""

import asyncio
import math
import random
from collections.abc import Callable, Hashable

from digitro_async.dispatch._breaker import BreakerState
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._standing import Standing
from digitro_async.dispatch._standing_watch import StandingWatch
from digitro_async.dispatch._statistics import PABXStatistics
from digitro_async.dispatch._waiters import Waiter, Waiting
from digitro_async.errors import (
    ConfigurationError,
    DrainedError,
    NotSentError,
    RateWaitTimeoutError,
)
from digitro_async.models import PABX
from digitro_async.observe import EventReporter
from digitro_async.protocol import AttemptResult, Command, Failure
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = ["Admission", "Ticket"]

_CLOSED, _PAUSED_BY_HAND = BreakerState.CLOSED, BreakerState.PAUSED_BY_HAND

SHORTEST_TIMER = 1e-5
"""Seconds; a loop fires a shorter timer too early, again and again."""

YIELD_SECONDS = 1e-4
"""The delay of the admission that went last, where others share its cap."""

_NOBODY, _IMPATIENT, _PATIENT, _EVERYBODY = range(4)
"""The calls that are turned away; each value includes those before it."""


class Ticket:
    """The turn of one call at one PABX, until it is released or cancelled, once.

    Attributes:
        admission: The admission that gave it.
        is_probe: Whether the call is the one that shows whether a pause may end.
        started: When the call started.
        recorded: When its intent was recorded; as long as none is, when it started.
        channel_id: The event channel that the call is sent over.
        is_paced: Whether it holds a rate slot, where there is a cap.
    """

    __slots__ = (
        *("admission", "channel_id", "is_paced", "is_probe", "recorded", "started"),
    )

    def __init__(
        self, admission: "Admission", now: float, *, paced: bool = True
    ) -> None:
        standing = admission.standing
        self.admission = admission
        self.started = self.recorded = now
        self.channel_id = standing.channel.id
        self.is_paced = paced
        self.is_probe = standing.start(now, paced=paced)

    async def record_intent(self, recorder: Recorder, key: Hashable) -> None:
        """Return once it is recorded that the call is about to be sent.

        Args:
            recorder: The recorder.
            key: The key by which the call's owner knows it.
        """
        counters = self.admission.standing.counters
        counters.recording += 1
        try:
            await recorder.record_intent(key, self.admission.pabx.name)
        finally:
            counters.recording -= 1
        self.recorded = live_time()
        counters.record_times.append(self.recorded - self.started)

    def release(self, result: AttemptResult, now: float) -> None:
        """Give the turn back with the result of its attempt."""
        admission = self.admission
        admission.standing.record(
            result,
            now,
            probe=self.is_probe,
            started=self.started,
            recorded=self.recorded,
            channel_id=self.channel_id,
            paced=self.is_paced,
        )
        if result.accepted is None or self.is_probe:
            cause = result.classification.reason
            admission.watch.look(cause=cause, probe=self.is_probe)
        admission.admit_next()

    def cancel(self, now: float, *, sent: bool) -> None:
        """Give the turn of an attempt back that was cut off.

        Args:
            now: The time.
            sent: Whether it may have been sent: then it may still be delivered.
        """
        admission = self.admission
        admission.standing.record_cut_off(
            now,
            sent=sent,
            probe=self.is_probe,
            started=self.started,
            paced=self.is_paced,
        )
        admission.watch.look(cause=Failure.CANCELLED, probe=self.is_probe)
        admission.admit_next()

    def take_back(self, now: float) -> None:
        """Give the turn back that no attempt was made with."""
        self.admission.standing.take_back(now, probe=self.is_probe, paced=self.is_paced)
        self.admission.admit_next()


class Admission:
    """Admission to one PABX.

    Args:
        pabx: The PABX.
        retry: Limits of retries.
        pause: When to pause it.
        chance: Returns a number from 0 to 1: the jitter of its back-off.
        pacer: Paces the calls to its address; None where it has that to itself.
        reporter: Told of its pauses and breaches; None where nobody is.

    Attributes:
        pabx: The PABX.
        standing: The state of the PABX.
        watch: Tells of what changes in it.
        beside: The admissions of other PABX at its address, which share its pacer.
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
        *,
        reporter: EventReporter | None = None,
    ) -> None:
        self.pabx = pabx
        self.standing = Standing(pabx, retry, pause, chance, pacer)
        self.watch = StandingWatch(self.standing, reporter or EventReporter())
        self.beside: tuple[Admission, ...] = ()
        self.on_load_decreased: Callable[[Admission], object] | None = None
        self._wait_for_resume = pause.wait_for_resume
        self._waiters = Waiting()
        self._shut = _NOBODY  # those are turned away already
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False

    @property
    def load(self) -> float:
        """The share of its capacity that calls on the wire and waiting take."""
        busy = self.standing.counters.in_flight + self._waiters.count
        return busy / self.pabx.max_in_flight

    @property
    def needs_resume(self) -> bool:
        """Whether it is paused until ``resume`` or a channel id."""
        return self.standing.needs_resume

    @property
    def is_draining(self) -> bool:
        """Whether it starts no further call."""
        return self._draining

    @property
    def is_paused(self) -> bool:
        """Whether it is paused in any way, or waits for a channel."""
        return self.standing.is_paused

    def acquire_nowait(
        self, now: float, command: Command | None = None
    ) -> Ticket | None:
        """Start a call at once if its turn is now; None where it has to wait.

        Args:
            now: The time.
            command: The row of its command, None for one that counts against the cap.
        """
        paced = command is None or self.standing.is_paced(command)
        # What takes no rate slot does not wait behind calls that wait for one.
        if self._draining or (paced and self._waiters.count):
            return None
        if self.standing.earliest(now, paced=paced) > now:
            return None
        return Ticket(self, now, paced=paced)

    async def acquire(
        self,
        *,
        wait_while_paused: bool,
        max_wait: float | None = None,
        command: Command | None = None,
    ) -> Ticket:
        """Wait for a call's turn, and start it.

        Args:
            wait_while_paused: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait, None for no limit.
            command: The row of its command, None for one that counts against the cap.

        Raises:
            ConfigurationError: If the PABX has no channel and none is expected.
            PABXPausedError: If the PABX is paused and won't be waited for.
            RateWaitTimeoutError: If the turn did not come in time.
            DrainedError: If it was told to stop before.
        """
        refusal = self.refusal_of(wait_while_paused=wait_while_paused)
        if refusal is not None:
            self.watch.look()  # a channel that is missing is found so
            raise refusal
        loop = asyncio.get_running_loop()
        paced = command is None or self.standing.is_paced(command)
        waiter = Waiter(loop.create_future(), wait_while_paused, paced=paced)
        limit = None
        if max_wait is not None:
            limit = loop.call_later(max_wait, self._expire, waiter)
        self._waiters.join(waiter)
        try:
            self._admit_waiters()
            ticket: Ticket = await waiter.turn
        except BaseException:  # cancelled, or closed as a coroutine that nobody awaits
            self._forget(waiter)
            raise
        finally:
            if limit is not None:
                limit.cancel()
        # Its task ran some time after its turn came.
        ticket.started = ticket.recorded = live_time()
        return ticket

    def admit_next(self) -> None:
        """Let the next calls start: one is no longer on the wire."""
        if self._waiters.count:
            self._admit_waiters()
        if self.beside:
            self._wake_beside()
        if self.on_load_decreased is not None:  # a step less than by _notify
            self.on_load_decreased(self)

    def pause(self, reason: str) -> None:
        """Start no call until ``resume``."""
        self.standing.breaker.pause_until_resume(reason)
        self.watch.look()
        self._admit_waiters()

    def resume(self) -> None:
        """Start calls again."""
        self.standing.resume()
        self.watch.look()
        self._admit_waiters()
        self._notify()

    def set_channel(self, channel_id: int | None) -> None:
        """Start calls over another channel; None: let them wait for one."""
        self.standing.set_channel(channel_id)
        self.watch.look()
        self._admit_waiters()
        self._notify()

    def note_reuse_ended(self) -> None:
        """Note that each call has a new connection of its own from now on."""
        for one in (self, *self.beside):
            one.standing.uses_fresh_connections = True
        self.watch.tell_of_reuse()

    def drain(self) -> None:
        """Start no further call, and reject every waiter."""
        self._draining = True
        self._admit_waiters()

    def snapshot(self, now: float) -> PABXStatistics:
        """Return the statistics of the PABX."""
        return self.standing.snapshot(
            now, self._waiters.count, is_draining=self._draining
        )

    def refusal_of(
        self, *, wait_while_paused: bool
    ) -> NotSentError | ConfigurationError | None:
        """Return the error of a call that may not wait for its turn, None if it may.

        Args:
            wait_while_paused: Whether the call waits while the PABX is paused.
        """
        shut = self._who_is_shut_out()
        if shut == _EVERYBODY:
            return DrainedError(pabx=self.pabx.name, reason="drained")
        if shut > (_IMPATIENT if wait_while_paused else _NOBODY):
            return self.standing.paused_error(live_time())
        return None

    def _who_is_shut_out(self) -> int:
        if self._draining:
            return _EVERYBODY
        if self.standing.lacks_channel:
            return _PATIENT
        state = self.standing.breaker.state
        if state is _PAUSED_BY_HAND and not self._wait_for_resume:
            return _PATIENT
        return _NOBODY if state is _CLOSED else _IMPATIENT

    def _wake_beside(self) -> None:
        """Wake the admissions that share the pacer: a slot may be free now."""
        for admission in self.beside:
            if admission._waiters.count:  # noqa: SLF001 - one of its own kind
                admission._admit_waiters()  # noqa: SLF001 - one of its own kind

    def _admit_waiters(self) -> None:
        """Wake each waiter whose turn has come, and set the timer for the next one."""
        turn_of_others = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._reject_waiters()
        while (waiter := self._waiters.first()) is not None:
            now = live_time()
            when = self.standing.earliest(now, paced=waiter.paced)
            if when > now:
                if when < math.inf:
                    delay = max(when - now, SHORTEST_TIMER) + turn_of_others
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(delay, self._admit_waiters)
                return
            self._waiters.serve(waiter, Ticket(self, now, paced=waiter.paced))
            if self.beside:
                turn_of_others = YIELD_SECONDS

    def _reject_waiters(self) -> None:
        """Reject the waiters that may not wait any longer.

        A call that comes later is rejected before it waits: once a pause is enough.
        """
        if not (self._draining or self.is_paused):
            self._shut = _NOBODY
            return
        known, self._shut = self._shut, self._who_is_shut_out()
        if self._shut <= known:
            return
        self._waiters.turn_away(
            lambda one: self.refusal_of(wait_while_paused=one.wait_while_paused)
        )
        self._notify()

    def _notify(self) -> None:
        if self.on_load_decreased is not None:
            self.on_load_decreased(self)

    def _forget(self, waiter: Waiter) -> None:
        """Undo the place or the start of a cancelled waiter."""
        turn = waiter.turn
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            turn.result().take_back(live_time())
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
