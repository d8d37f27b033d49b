"""CallRun: one call, from its first attempt to its result."""

import asyncio
import time
from collections.abc import Callable, Hashable
from functools import partial
from math import inf
from typing import Any

from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._answer import (
    classify_answer,
    cut_short,
    doubted_attempt,
    without_frames,
)
from digitro_async.dispatch._argument_checks import invalid_call
from digitro_async.dispatch._back_offs import wake
from digitro_async.dispatch._call_result import late_error, make_call_result
from digitro_async.dispatch._call_services import CallServices
from digitro_async.dispatch._call_tracker import EndSink
from digitro_async.dispatch._calls_in_progress import CallInProgress
from digitro_async.dispatch._cancellation import is_cancelled
from digitro_async.dispatch._doubts import Doubts
from digitro_async.dispatch._phase import Phase
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._ticket import Ticket
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    NotSentError,
    Outcome,
    OutcomeUnknownError,
    RateWaitTimeoutError,
)
from digitro_async.models import Call, CallResult, CommandAccepted
from digitro_async.protocol import (
    AttemptResult,
    Connection,
    Evidence,
    Failure,
    Observation,
    build_request,
    command_of,
    doubtful_answer,
    error_of,
)

__all__ = ["CallRun"]

_WAITING, _ON_WIRE, _RECORDING = Phase.WAITING, Phase.ON_WIRE, Phase.RECORDING
# Looked up once: an attribute of an enumeration takes long.
_NOT_SENT, _UNKNOWN = Outcome.NOT_SENT, Outcome.UNKNOWN


class CallRun:  # without slots: since 3.12 they make objects more slowly
    """One call on its way. Its owner may look at it, and make its attempt the last.

    Args:
        services: The parts of the dispatcher that it uses.
        call: The call.
        clock: Tells the loop's time, see ``live_clock``.
        pabx: Name of the PABX that must take it, None for any.
        key: The key by which its owner knows it.
        recorder: Records its attempts, None where nobody does.
        deliver: Takes the result of a call of a list whose attempts are recorded;
            None for a single call.
        sink: Whoever wants to know the call's end, None for nobody.

    Attributes:
        began: Loop time when it was taken on.
        phase: Its present phase.
        attempts: Attempts begun.
        sent_at: Unix time when the last one began.
        started: Loop time when the last one began.
        ended: Loop time when the last one ended.
        result: The result of a call that was cancelled during an attempt.
        is_doubtful: Whether the answer to the last attempt may belong to another call.
    """

    def __init__(  # noqa: PLR0917 - all of it is known at the start
        self,
        services: CallServices,
        call: Call,
        clock: Callable[[], float],
        pabx: str | None = None,
        key: Hashable = None,
        recorder: Recorder | None = None,
        deliver: Callable[[CallResult, CallInProgress | None], None] | None = None,
        sink: EndSink | None = None,
    ) -> None:
        self.call, self.clock = call, clock
        self.began = clock()
        self.phase, self.attempts = _WAITING, 0
        self.sent_at: float | None = None
        self.started = self.ended = 0.0
        self.result: CallResult | None = None
        self.is_doubtful = self._is_last = False
        self._services, self._pabx = services, pabx
        self._key, self._recorder = key, recorder
        self._deliver, self._sink = deliver, sink
        self.followed: CallInProgress | None = None  # its last attempt, where it is
        self._command: Any = None  # the row of its command, once it runs
        self._connection: Connection | None = None  # of its last attempt
        self._doubts: Doubts | None = None  # of the PABX of its last attempt
        self._problem: ConfigurationError | None = None  # of its PABX
        self._ends = inf  # loop time of its deadline, once it runs
        self._last_error: DigitroError | None = None  # of an attempt before others

    async def run(
        self, *, wait_while_paused: bool, max_wait: float = inf, deadline: float = inf
    ) -> CallResult | None:
        """Take the call to its end.

        Args:
            wait_while_paused: Whether to wait while the PABX is paused.
            max_wait: Most seconds to wait for one turn.
            deadline: Seconds after which nothing new begins.

        Returns:
            The result; None where it is still being recorded: it is delivered then.

        Raises:
            asyncio.CancelledError: If it is cancelled; the result of an attempt on the
                wire is left in ``result``, or is being recorded.
        """
        services = self._services
        admission, command = services.router.choose(self._pabx), command_of(self.call)
        if admission is None or command is None:
            return self.end(self.began, invalid_call(known_pabx=admission is not None))
        self._command = command
        services.in_flight.count += 1
        now = self.began
        self._ends = now + deadline
        try:
            while True:
                ticket = admission.acquire_nowait(now, command)
                if ticket is None:
                    ticket = await self._wait_for_turn(
                        admission, max_wait, wait_while_paused=wait_while_paused
                    )
                    admission = ticket.admission
                observation, result = await self._attempt(ticket)
                delay = None
                if result.accepted is None:
                    delay = self._delay_of_retry(admission, result)
                if delay is None:
                    return self._conclude(admission, observation, result)
                await self._keep_attempt(admission, observation, result)
                failed = result.classification.outcome is _NOT_SENT
                # A traceback must not show the answer of the PABX.
                del observation, result
                await services.back_offs.wait(delay)
                if self.is_doubtful:  # it may have been placed after all
                    return self._result_of(admission, *doubted_attempt())
                now = self._now_in_time(admission)
                if failed and self._pabx is None:
                    other = services.router.choose(None, failed=admission)
                    admission = other or admission
        except (NotSentError, ConfigurationError) as error:
            refusal = error.with_traceback(None)  # its frames would refer to itself
        finally:
            if self.phase is not _RECORDING:
                services.in_flight.leave()
        return self._refused(admission, refusal)

    def stop_soon(self) -> bool:
        """Make the attempt that goes on the last; return whether one goes on."""
        self._is_last = self.phase is _ON_WIRE
        return self._is_last

    def doubt(self, attempt: int) -> None:
        """Take note that the answer to an attempt may belong to another call."""
        if attempt == self.attempts and not self.is_doubtful:
            self.is_doubtful = True
            if self._doubts is not None:
                self._doubts.add(self._recorder, self._key, self.followed)

    def end(
        self,
        now: float,
        error: DigitroError | None,
        pabx: str | None = None,
        accepted: CommandAccepted | None = None,
    ) -> CallResult:
        """Return the result of a call that ends without a further attempt.

        Args:
            now: Loop time.
            error: Why it was not accepted.
            pabx: Name of the PABX that had it last.
            accepted: The acceptance, where there is one.
        """
        if error is not None and isinstance(self._last_error, OutcomeUnknownError):
            error = self._last_error  # an attempt before may have been carried out
            error.attempts = self.attempts
        started = now if self.sent_at is None else self.started
        return make_call_result(
            self.call,
            self._key,
            pabx,
            self.attempts,
            error,
            accepted,
            self.sent_at,
            started - self.began,
            now - started,
        )

    async def _wait_for_turn(
        self, admission: Admission, max_wait: float, *, wait_while_paused: bool
    ) -> Ticket[Admission]:
        """Wait for a turn, and give back one that came after the deadline."""
        ticket = await self._services.router.acquire(
            admission,
            may_fail_over=self._pabx is None,
            wait_while_paused=wait_while_paused,
            max_wait=max_wait,
            ends=self._ends,
            command=self._command,
            is_listed=self._deliver is not None,
            recorder=self._recorder,
        )
        if ticket.started > self._ends:
            ticket.take_back(ticket.started)  # the loop was busy meanwhile
            raise late_error(ticket.admission.pabx.name)
        return ticket

    def _now_in_time(self, admission: Admission) -> float:
        """Return the time, and end the call where that is after its deadline."""
        now = self.clock()
        if now > self._ends:
            raise late_error(admission.pabx.name)
        return now

    def _delay_of_retry(
        self, admission: Admission, result: AttemptResult
    ) -> float | None:
        """Return seconds until the next attempt, None where this was the last."""
        if self._is_last or self._problem or admission.is_draining:
            return None
        left, connection = self._ends - self.ended, self._connection
        return self._services.delay_of_retry(
            admission.standing,
            result,
            self.attempts,
            connection,
            left,
            # What is recorded as unknown is never sent again.
            is_repeat_safe=self._command.is_repeat_safe and self._recorder is None,
        )

    async def _attempt(  # noqa: C901 - told in order
        self, ticket: Ticket[Admission]
    ) -> tuple[Observation, AttemptResult]:
        """Make one attempt, and give its turn back however it ends."""
        pabx, standing = ticket.admission.pabx, ticket.admission.standing
        evidence = ticket.make_evidence() if standing.notes_sending else Evidence()
        self.phase, self._doubts = _ON_WIRE, standing.doubts
        self.attempts += 1
        evidence.owner, evidence.attempt = self, self.attempts
        self.sent_at, self.started = time.time(), ticket.started
        if self._recorder is not None:
            try:
                await ticket.record_intent(self._recorder, self._key)
            except BaseException:  # nothing is sent that is not recorded
                self.phase, self.attempts = _WAITING, self.attempts - 1
                ticket.cancel(self.clock(), sent=False)
                raise
        if standing.tracker is not None:  # a ticket knows whether it is a call's
            self.followed = ticket.follow(self.call, self._key, self._sink)
        cancelled: tuple[object, ...] | None = None
        try:
            observation = await self._services.transport.exchange(
                pabx,
                build_request(self.call, ticket.channel_id, pabx.unset_fields),
                evidence,
            )
            connection = evidence.connection
            if connection is not None and connection.is_retired:
                await connection.stays_quiet()
        except asyncio.CancelledError as error:
            if is_cancelled():
                cancelled = error.args
            observation = cut_short(evidence, Failure.CANCELLED)
        except ConfigurationError as error:
            observation = cut_short(evidence, Failure.CONFIGURATION)
            self._problem = without_frames(error, pabx.name, self.attempts)
        except Exception:  # noqa: BLE001 - a foreign transport may raise anything
            observation = cut_short(evidence, Failure.UNEXPECTED)
        except BaseException:  # the process is told to end, or the coroutine is closed
            self.phase = _WAITING
            ticket.cancel(self.clock(), sent=evidence.request_started)
            raise
        self.ended, self._connection = self.clock(), evidence.connection
        result = classify_answer(
            standing,
            self._command,
            evidence,
            observation,
            sent_at=self.sent_at,
            is_recorded=self._recorder is not None,
        )
        self.phase = _WAITING
        if cancelled is None:
            ticket.release(result, self.ended)
            if self._problem:
                ticket.admission.pause(Failure.CONFIGURATION)
            return observation, result
        ticket.cancel(self.ended, sent=observation.request_started)
        self.result = self._conclude(ticket.admission, observation, result)
        raise asyncio.CancelledError(*cancelled)  # without the frames of the attempt

    async def _keep_attempt(
        self, admission: Admission, observation: Observation, result: AttemptResult
    ) -> None:
        """Keep the error of an attempt before others, and wait for its record."""
        if not isinstance(self._last_error, OutcomeUnknownError):
            self._last_error = self._error_of(admission, observation, result)
        if self._recorder is None:
            return
        recorded = asyncio.get_running_loop().create_future()
        self._recorder.record_outcome(
            self._key, admission.pabx.name, result, lambda _: wake(recorded)
        )
        try:
            await recorded
        except asyncio.CancelledError:  # it is being written all the same
            self.result = self._result_of(admission, observation, result)
            raise

    def _conclude(
        self, admission: Admission, observation: Observation, result: AttemptResult
    ) -> CallResult | None:
        """Return the result of the last attempt, None where it is to be recorded."""
        # Nobody waits for the record: the next call's intent is written in the same
        # commit, and comes after it.
        if observation.reuse_ended:
            admission.note_reuse_ended()
        if self._recorder is None:
            return self._result_of(admission, observation, result)
        self.phase = _RECORDING
        told = partial(self._recorded, admission, observation)
        self._recorder.record_outcome(self._key, admission.pabx.name, result, told)
        return None

    def _recorded(
        self, admission: Admission, observation: Observation, result: AttemptResult
    ) -> None:
        """Deliver the result of a call by the record of its last attempt."""
        assert self._deliver is not None  # noqa: S101 - for the type checker
        classification = result.classification
        if self.is_doubtful:
            if classification.outcome is not _UNKNOWN:
                result = doubtful_answer()
        elif classification.protocol_violation and self._connection is not None:
            self._connection.distrust()  # the record found it
        call_result = self._result_of(admission, observation, result)
        self._services.in_flight.leave()
        self._deliver(call_result, self.followed)

    def _result_of(
        self, admission: Admission, observation: Observation, result: AttemptResult
    ) -> CallResult:
        """Return the result of a call by its last attempt, and count it."""
        error = None
        if result.accepted is None:
            error = self._error_of(admission, observation, result)
        call_result = self.end(self.ended, error, admission.pabx.name, result.accepted)
        admission.standing.counters.outcomes[call_result.outcome] += 1
        return call_result

    def _error_of(
        self, admission: Admission, observation: Observation, result: AttemptResult
    ) -> DigitroError | None:
        """Return the error of an attempt that was not accepted."""
        return self._problem or error_of(
            result, observation, pabx=admission.pabx.name, attempts=self.attempts
        )

    def _refused(self, admission: Admission, refusal: DigitroError) -> CallResult:
        """Return the result of a call whose turn did not come, and count it."""
        if self.is_doubtful:  # it may have been placed after all
            return self._result_of(admission, *doubted_attempt())
        now = self.clock()
        if isinstance(refusal, RateWaitTimeoutError):
            if self._last_error is not None:  # says more than that time is over
                refusal, now = self._last_error, self.ended
            elif now >= self._ends:
                refusal = late_error(refusal.pabx)
        refusal.attempts, self.ended = self.attempts, now
        refusing = self._services.router.choose(refusal.pabx) or admission
        # A program's own recorder may have raised it, and named anything.
        result = self.end(now, refusal, refusal.pabx and refusing.pabx.name)
        refusing.standing.counters.outcomes[result.outcome] += 1
        return result
