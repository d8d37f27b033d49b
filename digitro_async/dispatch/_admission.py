"""Admission to one PABX: who waits for a turn, and who gets one.

The state of the PABX is a ``Standing``; an admission asks it, admits waiters, single
calls before those of lists, and keeps one timer for all of them.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from digitro_async.dispatch._breaker import BreakerState
from digitro_async.dispatch._call_tracker import CallTracker
from digitro_async.dispatch._channel import NO_CHANNEL
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._needs import NEEDS_OF_A_CALL
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.dispatch._standing import Standing
from digitro_async.dispatch._standing_watch import StandingWatch
from digitro_async.dispatch._statistics import PABXStatistics
from digitro_async.dispatch._ticket import Ticket
from digitro_async.dispatch._turns import Turns
from digitro_async.dispatch._waiters import TurnShare, Waiter, Waiting
from digitro_async.dispatch._weighted_queue import WeightedQueue, campaign_of
from digitro_async.errors import (
    ConfigurationError,
    DrainedError,
    NotSentError,
    RateWaitTimeoutError,
)
from digitro_async.models import PABX
from digitro_async.observe import EventReporter
from digitro_async.protocol import Command
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = ["Admission"]

_CLOSED, _PAUSED_BY_HAND = BreakerState.CLOSED, BreakerState.PAUSED_BY_HAND

_NOBODY, _IMPATIENT, _PATIENT, _EVERYBODY = range(4)
"""The calls that are turned away; each value includes those before it."""


class Admission:
    """Admission to one PABX.

    Args:
        pabx: The PABX.
        retry: Limits of retries.
        pause: When to pause it.
        chance: Returns a number from 0 to 1: the jitter of its back-off.
        pacer: Paces the calls to its address; None where it has that to itself.
        tracker: Follows the calls to its address until they end, None where no events
            are read.
        reporter: Told of its pauses and breaches; None where nobody is.
        share: Shares the turns at its address; None where it has that to itself.

    Attributes:
        pabx: The PABX.
        standing: The state of the PABX.
        watch: Tells of what changes in it.
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
        tracker: CallTracker | None = None,
        reporter: EventReporter | None = None,
        share: TurnShare | None = None,
    ) -> None:
        self.pabx = pabx
        self.standing: Standing = Standing(pabx, retry, pause, chance, pacer, tracker)
        self.watch: StandingWatch = StandingWatch(
            self.standing, reporter or EventReporter()
        )
        self._beside: tuple[Admission, ...] = ()
        self.on_load_decreased: Callable[[Admission], object] | None = None
        self._wait_for_resume = pause.wait_for_resume
        self._waiters = Waiting()
        self._turns = Turns(
            self._waiters,
            self.standing.earliest,
            partial(Ticket, self),
            self._admit_waiters,
            share or TurnShare(),
        )
        self._shut = _NOBODY  # those are turned away already
        self._draining = False

    @property
    def load(self) -> float:
        """The share of its capacity that calls on the wire and waiting take."""
        busy = self.standing.counters.in_flight + self._waiters.count
        return busy / self.pabx.max_in_flight

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return self._waiters.count

    def share_turns(self, weight_of: Callable[[str], float]) -> None:
        """Give turns to the calls of lists by the weights of their campaigns."""
        self._waiters.queue_lists(partial(WeightedQueue, weight_of=weight_of))

    def waiting_by_campaign(self) -> dict[str, int]:
        """Return the number of calls that wait, by campaign; that of others is ""."""
        counts: Counter[str] = Counter(map(campaign_of, self._waiters))
        return dict(counts)

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

    def stand_beside(self, others: Iterable["Admission"]) -> None:
        """Share the pacer, and so the turns, with other admissions at its address."""
        self._beside = tuple(others)
        self._turns.beside = tuple(one._turns for one in self._beside)  # noqa: SLF001 - of its own kind

    def acquire_nowait(
        self, now: float, command: Command | None = None
    ) -> "Ticket[Admission] | None":
        """Start a call at once if its turn is now; None where it has to wait.

        Args:
            now: The time.
            command: The row of its command, None for one that counts against the cap.
        """
        needs = self.standing.needs_of(command)
        # What needs less than a call does not wait behind calls.
        if self._draining or (needs is NEEDS_OF_A_CALL and self._waiters.count):
            return None
        if self.standing.earliest(now, needs) > now:
            return None
        return Ticket(self, now, needs)

    async def acquire(
        self,
        *,
        wait_while_paused: bool,
        max_wait: float | None = None,
        command: Command | None = None,
        is_listed: bool = False,
        recorder: object = None,
    ) -> "Ticket[Admission]":
        """Wait for a call's turn, and start it.

        Args:
            wait_while_paused: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait, None for no limit.
            command: The row of its command, None for one that counts against the cap.
            is_listed: Whether it is a call of a list, which lets single calls go first.
            recorder: Whoever records its attempts, None where nobody does.

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
        needs = self.standing.needs_of(command)
        waiter = Waiter(
            *(loop.create_future(), wait_while_paused, is_listed),
            needs=needs,
            recorder=recorder,
        )
        limit = None
        if max_wait is not None:
            limit = loop.call_later(max_wait, self._expire, waiter)
        self._waiters.join(waiter)
        try:
            self._admit_waiters()
            ticket: Ticket[Admission] = await waiter.turn
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
        if self._turns.beside:
            self._turns.wake_beside()
        if self.on_load_decreased is not None:  # a step less than by _notify
            self.on_load_decreased(self)

    def note_sent(self, ticket: "Ticket[Admission]") -> None:
        """Note that the request of a call was written: its slot is free in time."""
        self.standing.note_sent(ticket, live_time())
        self._turns.look_again()

    def pause(self, reason: str) -> None:
        """Start no call until ``resume``."""
        self.standing.breaker.pause_until_resume(reason)
        self.note_change()

    def resume(self) -> None:
        """Start calls again."""
        self.standing.resume()
        self.note_change()

    def set_channel(self, channel_id: int | None) -> None:
        """Start calls over another channel; None: let them wait for one."""
        self.standing.set_channel(channel_id)
        self.note_change()

    def note_change(self) -> None:
        """Tell of what has changed in the standing, and start or reject calls by it."""
        self.watch.look()
        self._admit_waiters()
        self._notify()

    def note_reuse_ended(self) -> None:
        """Note that each call has a new connection of its own from now on."""
        for one in (self, *self._beside):
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
            return _IMPATIENT if self.standing.breaker.is_ordered else _PATIENT
        return _NOBODY if state is _CLOSED else _IMPATIENT

    def _admit_waiters(self) -> None:
        """Wake each waiter whose turn has come, or that may not wait any longer."""
        self._reject_waiters()
        self._turns.give()

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

    def _is_full(self) -> bool:
        tracker = self.standing.tracker
        return tracker is not None and not tracker.calls.has_room()

    def _expire(self, waiter: Waiter) -> None:
        if not waiter.turn.done():
            name, reason, text = self.pabx.name, "rate_wait_timeout", None
            if self.standing.channel.id is None:
                reason, text = NO_CHANNEL, self.standing.channel.late_text
            elif waiter.needs.place_in_progress and self._is_full():
                text = (
                    "As many calls as may be in progress (max_in_progress) were, for"
                    " the time allowed."
                )
            error = RateWaitTimeoutError(text, pabx=name, reason=reason)
            waiter.turn.set_exception(error)
            self._waiters.leave(waiter)
            self._notify()
