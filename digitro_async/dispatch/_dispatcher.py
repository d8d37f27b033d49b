"""Dispatcher: takes one call to its end over one or several PABX. No I/O of its own."""

import asyncio
import random
import time
from collections.abc import Callable, Hashable, Iterable
from functools import partial

from digitro_async.dispatch._clock import live_clock, live_time
from digitro_async.dispatch._journal import Journal
from digitro_async.dispatch._lane import Lane
from digitro_async.dispatch._policy import may_be_sent_again, retry_delay
from digitro_async.dispatch._progress import Progress
from digitro_async.dispatch._router import Router
from digitro_async.dispatch._statistics import Statistics
from digitro_async.dispatch._stream import Calls, DispatchResults
from digitro_async.errors import (
    ConfigurationError,
    InvalidCallError,
    NotSentError,
    Outcome,
)
from digitro_async.models import PABX, CallResult, PredictiveCall
from digitro_async.protocol import (
    Evidence,
    Failure,
    Observation,
    Settled,
    encode_call,
    error_of,
    repeated_call_id,
    settle,
)
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
        self._retry = retry or RetrySettings()
        self._router = Router(pabx, self._retry, pause or PauseSettings())
        self._transport = transport
        self._chance = chance
        self._busy = 0
        self._idle: asyncio.Event | None = None
        self._backing_off: set[asyncio.Future[None]] = set()

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
            asyncio.CancelledError: If it is cancelled; an attempt on the wire is cut
                off and counted by its evidence.
        """
        progress = Progress(call, live_clock(), pabx, key)
        result = await self.take_to_its_end(
            progress, patient=patient, max_wait=max_wait
        )
        assert result is not None  # noqa: S101 - there is no journal
        return result

    async def take_to_its_end(
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
            return progress.end(progress.began, _invalid(lane))
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
                await self._back_off(delay)
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
        return progress.end(progress.clock(), refusal, refusal.pabx)

    def stream(self, calls: Calls, journal: Journal | None = None) -> DispatchResults:
        """Send many calls; see ``DigitroClient.dispatch``."""
        return DispatchResults(self, calls, journal)

    def hold_slots(
        self,
        pabx: str,
        seconds: Iterable[float],
        *,
        lost: Iterable[float] = (),
        limit: RateLimit | None = None,
    ) -> None:
        """Take rate slots for calls that another run made before this one.

        PABX at one address share their slots: take them for one of these only.

        Args:
            pabx: Name of the PABX.
            seconds: For each call, how long from now its slot is taken.
            lost: For each call that was sent and never answered, how long from now its
                slot is taken at most; an answer to a later call frees it.
            limit: The cap that the slots are of, None for every one at its address.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        now = live_time()
        for lane in self._router.named(pabx):
            lane.hold_slots(
                [now + one for one in seconds],
                [now + one for one in lost],
                now=now,
                limit=limit,
            )

    def pause(self, pabx: str | None = None, *, reason: str = "operator") -> None:
        """Start no call on the PABX (None: on any) until ``resume``.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
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
        """Start no call any more, and return when what is on the wire has settled."""
        for lane in self._router.lanes.values():
            lane.drain()
        for sleeper in self._backing_off:
            _wake(sleeper)
        while self._busy:
            if self._idle is None:
                self._idle = asyncio.Event()
            await self._idle.wait()

    def statistics(self) -> Statistics:
        """Return a frozen snapshot."""
        now = live_time()
        lanes = self._router.lanes
        return Statistics({name: lane.snapshot(now) for name, lane in lanes.items()})

    def _delay(self, lane: Lane, progress: Progress, settled: Settled) -> float | None:
        """Return seconds until the next attempt, None where this was the last."""
        if not may_be_sent_again(settled.verdict):
            return None
        if progress.is_last or progress.problem or lane.is_draining:
            return None
        delay = retry_delay(settled, progress.attempts, self._retry, self._chance())
        if delay is None or not lane.quota.take():
            return None
        if settled.verdict.outcome is Outcome.REFUSED:  # it asked for fewer calls
            lane.hold_back(progress.clock() + delay)
        return delay

    async def _back_off(self, delay: float) -> None:
        """Wait that long, or until the dispatcher is drained."""
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        timer = loop.call_later(delay, _wake, sleeper)
        self._backing_off.add(sleeper)
        try:
            await sleeper
        finally:
            timer.cancel()
            self._backing_off.discard(sleeper)

    async def _attempt(  # noqa: C901 - one attempt, told in order
        self, lane: Lane, progress: Progress, now: float, *, probe: bool
    ) -> tuple[Settled, Observation]:
        """Make one attempt and settle it, however it ends."""
        evidence = Evidence()
        progress.on_wire = True
        progress.attempts += 1
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
                encode_call(progress.call, lane.pabx.unset_fields),
                evidence,
            )
        except asyncio.CancelledError as error:
            if _is_cancelled():
                cancelled = error.args
            seen = _cut_short(evidence, Failure.CANCELLED)
        except ConfigurationError as error:
            seen = _cut_short(evidence, Failure.CONFIGURATION)
            progress.problem = str(error.args[0])
        except Exception:  # noqa: BLE001 - a foreign transport may raise anything
            seen = _cut_short(evidence, Failure.UNEXPECTED)
        progress.settled = now = progress.clock()
        settled = settle(seen, now=progress.sent_at)
        if settled.accepted and lane.is_repeated(settled.accepted.call_id):
            settled = repeated_call_id()
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
        self, lane: Lane, progress: Progress, settled: Settled, seen: Observation
    ) -> None:
        """Record what an attempt came to that is not the last, and wait for that."""
        assert progress.journal is not None  # noqa: S101 - for the type checker
        recorded = asyncio.get_running_loop().create_future()
        progress.journal.settle(
            progress.key, lane.pabx.name, settled, lambda _: _wake(recorded)
        )
        try:
            await recorded
        except asyncio.CancelledError:  # it is being written all the same
            progress.result = self._end(lane, progress, settled, seen)
            raise

    def _conclude(
        self, lane: Lane, progress: Progress, settled: Settled, seen: Observation
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
        self, lane: Lane, progress: Progress, seen: Observation, settled: Settled
    ) -> None:
        """Give the result of a call away: its record is durable."""
        assert progress.deliver is not None  # noqa: S101 - for the type checker
        result = self._end(lane, progress, settled, seen)
        self._leave()
        progress.deliver(result)

    def _leave(self) -> None:
        self._busy -= 1
        if not self._busy and self._idle is not None:
            self._idle.set()
            self._idle = None

    def _end(
        self, lane: Lane, progress: Progress, settled: Settled, seen: Observation
    ) -> CallResult:
        name, accepted = lane.pabx.name, settled.accepted
        error = None
        if accepted is None:
            error = error_of(settled, seen, pabx=name, attempts=progress.attempts)
            if error is not None and progress.problem:
                error.args = (progress.problem,)
        result = progress.end(progress.settled, error, name, accepted)
        lane.counters.outcomes[result.outcome] += 1
        return result


def _is_cancelled() -> bool:
    """Whether this task was asked to end, and not just something it waited for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def _cut_short(evidence: Evidence, failure: Failure) -> Observation:
    return Observation(evidence.sending, failure=failure)


def _invalid(lane: Lane | None) -> InvalidCallError:
    if lane is None:
        return InvalidCallError("there is no PABX of that name", reason="unknown_pabx")
    return InvalidCallError("it is not a PredictiveCall", reason="not_a_call")
