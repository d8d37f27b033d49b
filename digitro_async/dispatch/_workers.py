"""Workers: tasks between a source of calls and the buffer of their results."""

import asyncio
import contextlib

from digitro_async.dispatch._call_result import with_end
from digitro_async.dispatch._call_run import CallRun
from digitro_async.dispatch._call_services import CallServices
from digitro_async.dispatch._call_source import LATER, LONG_READ, NO_MORE, CallSource
from digitro_async.dispatch._call_tracker import sink_of
from digitro_async.dispatch._calls_in_progress import CallInProgress
from digitro_async.dispatch._live_clock import live_clock
from digitro_async.dispatch._phase import Phase
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._result_buffer import ResultBuffer
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    DrainedError,
    Outcome,
    PABXPausedError,
)
from digitro_async.models import CallResult, DispatchItem

__all__ = ["Workers"]


class Workers:
    """Tasks that read calls one after another and take each to its result.

    Args:
        services: The parts of the dispatcher that calls share.
        source: The calls.
        results: Takes the results.
        recorder: Records every attempt, None where nobody does.
        wait_for_end: Whether a result waits until the end of its call is known.
    """

    def __init__(
        self,
        services: CallServices,
        source: CallSource,
        results: ResultBuffer,
        recorder: Recorder | None,
        *,
        wait_for_end: bool = False,
    ) -> None:
        self._services = services
        self._limit = services.router.capacity
        self._source = source
        self._results = results
        self._recorder = recorder
        self._runs: dict[asyncio.Task[None], CallRun | None] = {}
        self._open = 0  # calls read whose result is not there yet
        self._delivered: asyncio.Event | None = None
        self._is_stopped = False
        self._holds = wait_for_end
        self._held: dict[CallInProgress, CallResult] = {}
        self._sink = sink_of(recorder, self._end if wait_for_end else None)

    @property
    def are_done(self) -> bool:
        """Whether no further result will come."""
        return not self._runs and not self._open

    def start(self) -> None:
        """Start the first worker; each starts the next where it finds a call."""
        # Not by the loop's task factory: an eager one would read the whole source here.
        worker = asyncio.Task(self._work(), loop=asyncio.get_running_loop())
        self._runs[worker] = None
        worker.add_done_callback(self._retire)

    def stop(self, fault: BaseException | None = None) -> None:
        """Start no further call, and let calls on the wire finish.

        Calls that were read and wait for their turn end NOT_SENT with
        ``DrainedError``.

        Args:
            fault: The error to raise after the last result.
        """
        self._source.close(fault)
        self.release_held()
        if self._is_stopped:
            return
        self._is_stopped = True
        self._results.make_room()
        for worker, call_run in self._runs.items():
            if call_run is None or not call_run.stop_soon():
                worker.cancel()

    def stop_reading(self, fault: BaseException) -> None:
        """Read no further call; those that were read end as their PABX say.

        Args:
            fault: The error to raise after the last result.
        """
        self.release_held()
        if self._is_stopped or self._source.exhausted:
            return
        self._source.close(fault)
        self._is_stopped = True
        self._results.make_room()
        for worker, call_run in self._runs.items():
            if call_run is None:  # it reads, or waits for room
                worker.cancel()

    def release_held(self) -> None:
        """Give the results that wait for their calls' ends, and let no more wait."""
        self._holds = False
        held, self._held = self._held, {}
        for followed, result in held.items():
            self._give(with_end(result, followed))

    async def wait(self) -> None:
        """Wait until every worker has ended and every call read has its result."""
        while self._runs:
            await asyncio.wait(list(self._runs))
        while self._open:
            self._delivered = self._delivered or asyncio.Event()
            self._delivered.clear()
            await self._delivered.wait()

    async def abort(self) -> None:
        """Cut off every call on the wire, and see to it that the results are kept."""
        for worker in self._runs:
            worker.cancel()
        while not self.are_done:
            with contextlib.suppress(asyncio.CancelledError):
                await self.wait()

    async def _work(self) -> None:  # noqa: C901, PLR0912 - one call after another
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 - for the type checker
        clock, services, source = live_clock(), self._services, self._source
        recorder, sink = self._recorder, self._sink
        before = clock()
        while not self._is_stopped:
            try:
                item = source.read_nowait()
                waited = item is LATER
                if waited:
                    item = await source.read()
            except asyncio.CancelledError:
                # At once: nobody may read what is left of the source.
                self._stop_for_a_cancellation()
                raise
            except BaseException:  # the process is told to end
                self.stop()
                raise
            if item is NO_MORE:
                if source.fault is not None:
                    self.stop()
                return
            if len(self._runs) < self._limit and not self._is_stopped:
                self.start()
            if isinstance(item, DispatchItem):
                call, pabx, key = item.call, item.pabx, item.key
            else:
                call, pabx, key = item, None, None
            call_run: CallRun = services.make_run(
                services, call, clock, pabx, key, recorder, self._deliver, sink
            )
            if call_run.began - before > LONG_READ and not waited:
                source.warn_of_a_long_read()
            self._runs[me] = call_run
            self._open += 1
            try:
                if self._is_stopped:  # the source gave a call all the same
                    result = self._cut_short(call_run)
                else:
                    result = await call_run.run(wait_while_paused=True)
            except asyncio.CancelledError:
                result = self._cut_short(call_run)
            except BaseException:
                self._open -= 1
                raise
            self._runs[me] = None
            before = call_run.ended or call_run.began
            if result is not None:
                self._deliver(result, call_run.followed)
            if len(self._results.ready) >= self._results.size and not self._is_stopped:
                await self._results.wait_for_room()
                before = clock()

    def _retire(self, worker: asyncio.Task[None]) -> None:
        del self._runs[worker]
        if worker.cancelled():
            self._stop_for_a_cancellation()
        elif worker.exception() is not None:
            self.stop(worker.exception())
        self._results.wake()

    def _cut_short(self, call_run: CallRun) -> CallResult | None:
        """Return the result of a call whose worker was cancelled.

        Returns:
            The result; None where it is still being recorded: it is delivered then.
        """
        self._stop_for_a_cancellation()
        if call_run.result is not None or call_run.phase is Phase.RECORDING:
            return call_run.result
        drained = DrainedError(reason="drained", attempts=call_run.attempts)
        return call_run.end(call_run.clock(), drained)

    def _stop_for_a_cancellation(self) -> None:
        """Stop where every task of the loop ends; the rest of the source is unread."""
        if not self._is_stopped:
            self.stop(DrainedError(reason="cancelled"))

    def _deliver(self, result: CallResult, followed: CallInProgress | None) -> None:
        """Give the result of a call away, or hold it until the end of the call."""
        if followed is not None and result.outcome is Outcome.UNKNOWN:
            # Its record may have found what its answer does not show.
            self._services.router.trackers[followed.pabx].calls.withdraw(followed)
        if followed is None:
            self._give(result)
        elif self._holds and not followed.is_told and not followed.was_not_placed:
            self._held[followed] = result
        else:
            self._give(with_end(result, followed))
        if result.error is not None:
            self._look_for_an_end(result.error)

    def _end(self, followed: CallInProgress) -> None:
        """Give the result of a call whose end is known; it may not be there yet."""
        result = self._held.pop(followed, None)
        if result is not None:
            self._give(with_end(result, followed))

    def _give(self, result: CallResult) -> None:
        self._open -= 1
        results = self._results  # what ``put`` does, told here to save a call
        results.ready.append(result)
        if results.takers:
            results.wake()
        if not self._open and self._delivered is not None:
            self._delivered.set()

    def _look_for_an_end(self, error: DigitroError) -> None:
        """Stop where the error says that no call can be sent any more."""
        if self._is_stopped:
            return
        is_over = isinstance(error, DrainedError)
        if isinstance(error, PABXPausedError | ConfigurationError):
            is_over = self._services.router.needs_resume
        if is_over:
            text = str(error.args[0])
            self.stop(type(error)(text, pabx=error.pabx, reason=error.reason))
