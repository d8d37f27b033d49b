"""Dispatcher: takes one call to its end over one or several PABX. No I/O of its own."""

import asyncio
import random
import time
import weakref
from collections.abc import Callable, Hashable, Iterable
from functools import partial

from digitro_async.dispatch._admission import Admission
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
from digitro_async.dispatch._call_run import CallRun, is_cancelled
from digitro_async.dispatch._dispatch_results import Calls, DispatchResults
from digitro_async.dispatch._live_clock import live_clock, live_time
from digitro_async.dispatch._policy import may_be_sent_again, retry_delay
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._router import Router
from digitro_async.dispatch._statistics import Statistics
from digitro_async.errors import ConfigurationError, NotSentError, Outcome
from digitro_async.models import PABX, Call, CallResult
from digitro_async.protocol import (
    AttemptResult,
    Evidence,
    Failure,
    Observation,
    build_request,
    command_of,
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
        return tuple(admission.pabx for admission in self._router.admissions.values())

    @property
    def capacity(self) -> int:
        """Most calls on the wire at once, over all PABX."""
        return sum(one.max_in_flight for one in self.pabx)

    @property
    def needs_resume(self) -> bool:
        """Whether every PABX is paused until somebody calls ``resume``."""
        return all(
            admission.needs_resume for admission in self._router.admissions.values()
        )

    async def submit(
        self,
        call: Call,
        *,
        pabx: str | None = None,
        key: Hashable = None,
        wait_while_paused: bool = False,
        max_wait: float | None = None,
    ) -> CallResult:
        """Take one call to its end and return what became of it.

        Args:
            call: The call.
            pabx: Name of the PABX that must take it, None for the least loaded.
            key: Comes back in the result.
            wait_while_paused: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait for one turn, None for no limit.

        Raises:
            ConfigurationError: If ``pabx`` or ``max_wait`` can't be used.
            asyncio.CancelledError: If it is cancelled; an attempt on the wire is cut
                off and counted by its evidence.
        """
        # Whatever can be wrong is found before anything is counted or queued.
        check_turn(pabx, max_wait)
        call_run = CallRun(call, live_clock(), pabx, key)
        result = await self.run_call(
            call_run, wait_while_paused=wait_while_paused, max_wait=max_wait
        )
        assert result is not None  # noqa: S101 - there is no recorder
        return result

    async def run_call(  # noqa: C901 - one call, told in order
        self,
        call_run: CallRun,
        *,
        wait_while_paused: bool,
        max_wait: float | None = None,
    ) -> CallResult | None:
        """Do what ``submit`` does, with a call_run that its owner can look at.

        Returns:
            The result; None where it is still being recorded: ``call_run.deliver`` is
            called with it then.

        Raises:
            asyncio.CancelledError: If it is cancelled; what an attempt on the wire
                came to is left in ``call_run.result``, or is being recorded.
        """
        admission = self._router.choose(call_run.pabx)
        call_run.command = command_of(call_run.call)
        if admission is None or call_run.command is None:
            invalid = invalid_call(known_pabx=admission is not None)
            return call_run.end(call_run.began, invalid)
        may_fail_over = call_run.pabx is None
        self._busy += 1
        now = call_run.began
        try:
            while True:
                probe = admission.acquire_nowait(now)
                if probe is None:
                    admission, probe = await self._router.acquire(
                        admission,
                        may_fail_over=may_fail_over,
                        wait_while_paused=wait_while_paused,
                        max_wait=max_wait,
                    )
                    now = call_run.clock()
                settled, seen = await self._attempt(
                    admission, call_run, now, probe=probe
                )
                delay = None
                if settled.accepted is None:
                    delay = self._delay(admission, call_run, settled)
                if delay is None:
                    return self._conclude(admission, call_run, settled, seen)
                if call_run.recorder is not None:
                    await self._record_now(admission, call_run, settled, seen)
                failed = (
                    admission
                    if settled.classification.outcome is Outcome.NOT_SENT
                    else None
                )
                del settled, seen  # a traceback must not show what the PABX wrote
                await self._back_offs.wait(delay)
                if call_run.is_doubtful:  # it may have been placed after all
                    return self._end(admission, call_run, *doubted_attempt())
                now = call_run.clock()
                if may_fail_over and failed is not None:
                    admission = self._router.choose(None, failed=failed) or admission
        except NotSentError as error:
            refusal = error.with_traceback(None)  # its frames would refer to itself
        finally:
            if not call_run.is_recording:
                self._leave()
        refusal.attempts = call_run.attempts
        admission = self._router.choose(refusal.pabx) or admission
        admission.counters.outcomes[Outcome.NOT_SENT] += 1
        call_run.settled = call_run.clock()
        return call_run.end(call_run.settled, refusal, refusal.pabx)

    def stream(self, calls: Calls, recorder: Recorder | None = None) -> DispatchResults:
        """Send many calls; see ``DigitroClient.dispatch``."""
        return DispatchResults(self, calls, recorder)

    def began(self, stream: DispatchResults) -> None:
        """Note that a stream reads its source, and end it when this is drained."""
        self._streams.add(stream)
        if self._draining:
            stream.end()

    def reserve_slots(
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
        for admission in self._router.named(pabx):
            admission.reserve_slots(free_at, lost_until, now=now, limit=limit)

    def pause(self, pabx: str | None = None, *, reason: str = "operator") -> None:
        """Start no call on the PABX (None: on any) until ``resume``.

        Args:
            pabx: Name of the PABX.
            reason: Short text that errors and statistics say why with.

        Raises:
            ConfigurationError: If there is no PABX of that name, or no reason.
        """
        check_reason(reason)
        for admission in self._router.named(pabx):
            admission.pause(reason)

    def resume(self, pabx: str | None = None) -> None:
        """Start calls again, whatever the pause was for.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        for admission in self._router.named(pabx):
            admission.resume()

    async def drain(self) -> None:
        """Start no call any more, and return when what is on the wire has settled.

        What reads a source for ``stream`` stops reading, even where the source waits.
        """
        self._draining = True
        for admission in self._router.admissions.values():
            admission.drain()
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
        admissions = self._router.admissions.items()
        return Statistics(
            {name: admission.snapshot(now) for name, admission in admissions}
        )

    def _delay(
        self, admission: Admission, call_run: CallRun, settled: AttemptResult
    ) -> float | None:
        """Return seconds until the next attempt, None where this was the last."""
        if not may_be_sent_again(settled.classification):
            return None
        if call_run.is_last or call_run.problem or admission.is_draining:
            return None
        delay = retry_delay(settled, call_run.attempts, self._retry, self._chance())
        if delay is None or not admission.quota.take():
            return None
        connection = call_run.connection
        if settled.classification.outcome is Outcome.NOT_SENT or connection is None:
            return delay
        # The answer may be another call's; the true one shows itself by then.
        return max(delay, connection.retire())

    async def _attempt(  # noqa: C901 - one attempt, told in order
        self, admission: Admission, call_run: CallRun, now: float, *, probe: bool
    ) -> tuple[AttemptResult, Observation]:
        """Make one attempt and settle it, however it ends."""
        evidence = Evidence()
        call_run.on_wire = True
        call_run.attempts += 1
        evidence.owner, evidence.attempt = call_run, call_run.attempts
        call_run.doubts = admission.doubts
        call_run.sent_at, call_run.sent = time.time(), now
        if call_run.recorder is not None:
            try:
                await call_run.recorder.record_intent(call_run.key, admission.pabx.name)
            except BaseException:  # nothing is sent that is not recorded
                call_run.on_wire = False
                admission.cancel(call_run.clock(), sent=False, probe=probe)
                raise
        cancelled: tuple[object, ...] | None = None
        try:
            pabx = admission.pabx
            seen = await self._transport.exchange(
                pabx,
                build_request(call_run.call, pabx.channel_id, pabx.unset_fields),
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
            call_run.problem = str(error.args[0])
        except Exception:  # noqa: BLE001 - a foreign transport may raise anything
            seen = cut_short(evidence, Failure.UNEXPECTED)
        except BaseException:  # the process is told to end, or the coroutine is closed
            call_run.on_wire = False
            now = call_run.clock()
            admission.cancel(
                now, sent=evidence.request_started, probe=probe, started=call_run.sent
            )
            raise
        call_run.settled = now = call_run.clock()
        settled = settle_attempt(admission, call_run, evidence, seen)
        if cancelled is None:
            admission.release(settled, now, probe=probe, started=call_run.sent)
            if call_run.problem:
                admission.pause(Failure.CONFIGURATION)
        else:
            started = call_run.sent
            admission.cancel(
                now, sent=seen.request_started, probe=probe, started=started
            )
        call_run.on_wire = False
        if cancelled is None:
            return settled, seen
        call_run.result = self._conclude(admission, call_run, settled, seen)
        raise asyncio.CancelledError(*cancelled)  # without the frames of the attempt

    async def _record_now(
        self,
        admission: Admission,
        call_run: CallRun,
        settled: AttemptResult,
        seen: Observation,
    ) -> None:
        """Record what an attempt came to that is not the last, and wait for that."""
        assert call_run.recorder is not None  # noqa: S101 - for the type checker
        recorded = asyncio.get_running_loop().create_future()
        call_run.recorder.record_outcome(
            call_run.key, admission.pabx.name, settled, lambda _: wake(recorded)
        )
        try:
            await recorded
        except asyncio.CancelledError:  # it is being written all the same
            call_run.result = self._end(admission, call_run, settled, seen)
            raise

    def _conclude(
        self,
        admission: Admission,
        call_run: CallRun,
        settled: AttemptResult,
        seen: Observation,
    ) -> CallResult | None:
        """Return the result of the last attempt, None where it is to be recorded.

        Nobody waits for the record: the next call's intent is written in the same
        commit, and comes after it.
        """
        if call_run.recorder is None:
            return self._end(admission, call_run, settled, seen)
        call_run.is_recording = True
        then = partial(self._deliver, admission, call_run, seen)
        call_run.recorder.record_outcome(
            call_run.key, admission.pabx.name, settled, then
        )
        return None

    def _deliver(
        self,
        admission: Admission,
        call_run: CallRun,
        seen: Observation,
        settled: AttemptResult,
    ) -> None:
        """Give the result of a call away: its record is durable."""
        assert call_run.deliver is not None  # noqa: S101 - for the type checker
        settled = settle_record(call_run, settled)
        result = self._end(admission, call_run, settled, seen)
        self._leave()
        call_run.deliver(result)

    def _leave(self) -> None:
        self._busy -= 1
        if not self._busy and self._idle is not None:
            self._idle.set()
            self._idle = None

    def _end(
        self,
        admission: Admission,
        call_run: CallRun,
        settled: AttemptResult,
        seen: Observation,
    ) -> CallResult:
        name, accepted = admission.pabx.name, settled.accepted
        error = None
        if accepted is None:
            error = error_of_attempt(call_run, settled, seen, name)
        result = call_run.end(call_run.settled, error, name, accepted)
        admission.counters.outcomes[result.outcome] += 1
        return result
