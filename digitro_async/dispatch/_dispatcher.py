"""Dispatcher: takes one call to its end over one or several PABX. No I/O of its own."""

import asyncio
import random
import time
import weakref
from collections.abc import Callable, Hashable, Iterable
from functools import partial

from digitro_async.dispatch._admission import Lane
from digitro_async.dispatch._answer import (
    cut_short,
    doubted_attempt,
    error_of_attempt,
    settle_attempt,
    settle_record,
)
from digitro_async.dispatch._argument_checks import (
    check_reason,
    check_settings,
    check_turn,
    checked_seconds,
    invalid_call,
)
from digitro_async.dispatch._back_offs import BackOffs, wake
from digitro_async.dispatch._call_run import Progress, is_cancelled
from digitro_async.dispatch._dispatch_results import Calls, DispatchResults
from digitro_async.dispatch._live_clock import live_clock, live_time
from digitro_async.dispatch._policy import may_be_sent_again, retry_delay
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._router import Router
from digitro_async.dispatch._statistics import Statistics
from digitro_async.errors import ConfigurationError, NotSentError, Outcome
from digitro_async.models import PABX, CallResult, PredictiveCall
from digitro_async.protocol import AttemptResult, Evidence, Failure, Observation
from digitro_async.protocol import encode_call as encode
from digitro_async.settings import PauseSettings, RateLimit, RetrySettings
from digitro_async.transport import Transport

__all__ = ["Dispatcher"]


class Dispatcher:
    """Rate-limited concurrent sender over one or several PABX.

    ``DigitroClient`` has one inside; use it directly to bring your own transport.

    Args:
        pabx: The PABX, or several with different names.
        transport: What makes one attempt.
        retry: When a call that was not placed is sent again.
        pause: When a PABX is paused.
        chance: Returns a number from 0 to 1: the jitter of back-offs.

    Raises:
        ConfigurationError: If there is no PABX or two share a name.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        transport: Transport,
        *,
        retry: RetrySettings | None = None,
        pause: PauseSettings | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._retry = RetrySettings() if retry is None else retry
        pause = PauseSettings() if pause is None else pause
        check_settings(self._retry, pause)
        self._router = Router(pabx, self._retry, pause, chance)
        self._transport = transport
        self._chance = chance
        self._busy = 0
        self._draining = False
        self._idle: asyncio.Event | None = None
        self._back_offs = BackOffs()
        self._streams: weakref.WeakSet[DispatchResults] = weakref.WeakSet()

    @property
    def pabx(self) -> tuple[PABX, ...]:
        """The PABX it sends to."""
        return tuple(lane.pabx for lane in self._router.lanes.values())

    @property
    def capacity(self) -> int:
        """Most calls on the wire at once, over all PABX."""
        return sum(one.max_in_flight for one in self.pabx)

    @property
    def is_held(self) -> bool:
        """Whether every PABX is paused until somebody calls ``resume``."""
        return all(lane.is_held for lane in self._router.lanes.values())

    async def submit(
        self,
        call: PredictiveCall,
        *,
        pabx: str | None = None,
        key: Hashable = None,
        patient: bool = False,
        max_wait: float | None = None,
    ) -> CallResult:
        """Take one call to its end and return what became of it.

        Args:
            call: The call.
            pabx: Name of the PABX that must take it, None for the least loaded.
            key: Comes back in the result.
            patient: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait for one turn, None for no limit.

        Raises:
            ConfigurationError: If ``pabx`` or ``max_wait`` can't be used.
            asyncio.CancelledError: If it is cancelled; an attempt on the wire is cut
                off and counted by its evidence.
        """
        # Whatever can be wrong is found before anything is counted or queued.
        check_turn(pabx, max_wait)
        progress = Progress(call, live_clock(), pabx, key)
        result = await self.take_to_its_end(
            progress, patient=patient, max_wait=max_wait
        )
        assert result is not None  # noqa: S101 - there is no journal
        return result

    async def take_to_its_end(  # noqa: C901 - one call, told in order
        self,
        progress: Progress,
        *,
        patient: bool,
        max_wait: float | None = None,
    ) -> CallResult | None:
        """Do what ``submit`` does, with a progress that its owner can look at.

        Returns:
            The result; None where it is still being recorded: ``progress.deliver`` is
            called with it then.

        Raises:
            asyncio.CancelledError: If it is cancelled; what an attempt on the wire
                came to is left in ``progress.result``, or is being recorded.
        """
        lane = self._router.choose(progress.pabx)
        if lane is None or not isinstance(progress.call, PredictiveCall):
            invalid = invalid_call(known_pabx=lane is not None)
            return progress.end(progress.began, invalid)
        movable = progress.pabx is None
        self._busy += 1
        now = progress.began
        try:
            while True:
                probe = lane.try_enter(now)
                if probe is None:
                    lane, probe = await self._router.enter(
                        lane, movable=movable, patient=patient, max_wait=max_wait
                    )
                    now = progress.clock()
                settled, seen = await self._attempt(lane, progress, now, probe=probe)
                delay = None
                if settled.accepted is None:
                    delay = self._delay(lane, progress, settled)
                if delay is None:
                    return self._conclude(lane, progress, settled, seen)
                if progress.journal is not None:
                    await self._record_now(lane, progress, settled, seen)
                failed = lane if settled.verdict.outcome is Outcome.NOT_SENT else None
                del settled, seen  # a traceback must not show what the PABX wrote
                await self._back_offs.wait(delay)
                if progress.is_doubtful:  # it may have been placed after all
                    return self._end(lane, progress, *doubted_attempt())
                now = progress.clock()
                if movable and failed is not None:
                    lane = self._router.choose(None, failed=failed) or lane
        except NotSentError as error:
            refusal = error.with_traceback(None)  # its frames would refer to itself
        finally:
            if not progress.is_recording:
                self._leave()
        refusal.attempts = progress.attempts
        lane = self._router.choose(refusal.pabx) or lane
        lane.counters.outcomes[Outcome.NOT_SENT] += 1
        progress.settled = progress.clock()
        return progress.end(progress.settled, refusal, refusal.pabx)

    def stream(self, calls: Calls, journal: Recorder | None = None) -> DispatchResults:
        """Send many calls; see ``DigitroClient.dispatch``."""
        return DispatchResults(self, calls, journal)

    def began(self, stream: DispatchResults) -> None:
        """Note that a stream reads its source, and end it when this is drained."""
        self._streams.add(stream)
        if self._draining:
            stream.end()

    def hold_slots(
        self,
        pabx: str,
        seconds: Iterable[float],
        *,
        lost: Iterable[float] = (),
        limit: RateLimit | None = None,
    ) -> None:
        """Take rate slots for calls that another run made before this one.

        PABX at one address share their slots: name one of these only.

        Args:
            pabx: Name of the PABX.
            seconds: For each call, how long from now its slot is taken.
            lost: For each call that was sent and never answered, how long from now its
                slot is taken at most; an answer to a later call frees it.
            limit: The cap that the slots are of, None for every one at its address.

        Raises:
            ConfigurationError: If there is no PABX of that name, or they are no times.
        """
        now = live_time()
        free_at = [now + one for one in checked_seconds(seconds)]
        lost_until = [now + one for one in checked_seconds(lost)]
        for lane in self._router.named(pabx):
            lane.hold_slots(free_at, lost_until, now=now, limit=limit)

    def pause(self, pabx: str | None = None, *, reason: str = "operator") -> None:
        """Start no call on the PABX (None: on any) until ``resume``.

        Args:
            pabx: Name of the PABX.
            reason: Short text that errors and statistics say why with.

        Raises:
            ConfigurationError: If there is no PABX of that name, or no reason.
        """
        check_reason(reason)
        for lane in self._router.named(pabx):
            lane.pause(reason)

    def resume(self, pabx: str | None = None) -> None:
        """Start calls again, whatever the pause was for.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        for lane in self._router.named(pabx):
            lane.resume()

    async def drain(self) -> None:
        """Start no call any more, and return when what is on the wire has settled.

        What reads a source for ``stream`` stops reading, even where the source waits.
        """
        self._draining = True
        for lane in self._router.lanes.values():
            lane.drain()
        for stream in list(self._streams):
            stream.end()
        self._back_offs.end()
        while self._busy:
            if self._idle is None:
                self._idle = asyncio.Event()
            await self._idle.wait()

    def statistics(self) -> Statistics:
        """Return a frozen snapshot."""
        now = live_time()
        lanes = self._router.lanes.items()
        return Statistics({name: lane.snapshot(now) for name, lane in lanes})

    def _delay(
        self, lane: Lane, progress: Progress, settled: AttemptResult
    ) -> float | None:
        """Return seconds until the next attempt, None where this was the last."""
        if not may_be_sent_again(settled.verdict):
            return None
        if progress.is_last or progress.problem or lane.is_draining:
            return None
        delay = retry_delay(settled, progress.attempts, self._retry, self._chance())
        if delay is None or not lane.quota.take():
            return None
        connection = progress.connection
        if settled.verdict.outcome is Outcome.NOT_SENT or connection is None:
            return delay
        # The answer may be another call's; the true one shows itself by then.
        return max(delay, connection.retire())

    async def _attempt(  # noqa: C901 - one attempt, told in order
        self, lane: Lane, progress: Progress, now: float, *, probe: bool
    ) -> tuple[AttemptResult, Observation]:
        """Make one attempt and settle it, however it ends."""
        evidence = Evidence()
        progress.on_wire = True
        progress.attempts += 1
        evidence.owner, evidence.attempt = progress, progress.attempts
        progress.doubts = lane.doubts
        progress.sent_at, progress.sent = time.time(), now
        if progress.journal is not None:
            try:
                await progress.journal.intend(progress.key, lane.pabx.name)
            except BaseException:  # nothing is sent that is not recorded
                progress.on_wire = False
                lane.abandon(progress.clock(), sent=False, probe=probe)
                raise
        cancelled: tuple[object, ...] | None = None
        try:
            seen = await self._transport.exchange(
                lane.pabx,
                encode(progress.call, lane.pabx.unset_fields),
                evidence,
            )
            connection = evidence.connection
            if connection is not None and connection.is_retired:
                await connection.stays_quiet()
        except asyncio.CancelledError as error:
            if is_cancelled():
                cancelled = error.args
            seen = cut_short(evidence, Failure.CANCELLED)
        except ConfigurationError as error:
            seen = cut_short(evidence, Failure.CONFIGURATION)
            progress.problem = str(error.args[0])
        except Exception:  # noqa: BLE001 - a foreign transport may raise anything
            seen = cut_short(evidence, Failure.UNEXPECTED)
        except BaseException:  # the process is told to end, or the coroutine is closed
            progress.on_wire = False
            now = progress.clock()
            lane.abandon(now, sent=evidence.sending, probe=probe, started=progress.sent)
            raise
        progress.settled = now = progress.clock()
        settled = settle_attempt(lane, progress, evidence, seen)
        if cancelled is None:
            lane.settle(settled, now, probe=probe, started=progress.sent)
            if progress.problem:
                lane.pause(Failure.CONFIGURATION)
        else:
            started = progress.sent
            lane.abandon(now, sent=seen.sending, probe=probe, started=started)
        progress.on_wire = False
        if cancelled is None:
            return settled, seen
        progress.result = self._conclude(lane, progress, settled, seen)
        raise asyncio.CancelledError(*cancelled)  # without the frames of the attempt

    async def _record_now(
        self, lane: Lane, progress: Progress, settled: AttemptResult, seen: Observation
    ) -> None:
        """Record what an attempt came to that is not the last, and wait for that."""
        assert progress.journal is not None  # noqa: S101 - for the type checker
        recorded = asyncio.get_running_loop().create_future()
        progress.journal.settle(
            progress.key, lane.pabx.name, settled, lambda _: wake(recorded)
        )
        try:
            await recorded
        except asyncio.CancelledError:  # it is being written all the same
            progress.result = self._end(lane, progress, settled, seen)
            raise

    def _conclude(
        self, lane: Lane, progress: Progress, settled: AttemptResult, seen: Observation
    ) -> CallResult | None:
        """Return the result of the last attempt, None where it is to be recorded.

        Nobody waits for the record: the next call's intent is written in the same
        commit, and comes after it.
        """
        if progress.journal is None:
            return self._end(lane, progress, settled, seen)
        progress.is_recording = True
        then = partial(self._deliver, lane, progress, seen)
        progress.journal.settle(progress.key, lane.pabx.name, settled, then)
        return None

    def _deliver(
        self, lane: Lane, progress: Progress, seen: Observation, settled: AttemptResult
    ) -> None:
        """Give the result of a call away: its record is durable."""
        assert progress.deliver is not None  # noqa: S101 - for the type checker
        settled = settle_record(progress, settled)
        result = self._end(lane, progress, settled, seen)
        self._leave()
        progress.deliver(result)

    def _leave(self) -> None:
        self._busy -= 1
        if not self._busy and self._idle is not None:
            self._idle.set()
            self._idle = None

    def _end(
        self, lane: Lane, progress: Progress, settled: AttemptResult, seen: Observation
    ) -> CallResult:
        name, accepted = lane.pabx.name, settled.accepted
        error = None
        if accepted is None:
            error = error_of_attempt(progress, settled, seen, name)
        result = progress.end(progress.settled, error, name, accepted)
        lane.counters.outcomes[result.outcome] += 1
        return result
