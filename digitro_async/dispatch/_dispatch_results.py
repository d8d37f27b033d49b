"""DispatchResults: a fixed set of workers between a source of calls and its results."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Protocol, Self, runtime_checkable

import anyio

from digitro_async.dispatch._call_run import CallRun, Phase, is_cancelled
from digitro_async.dispatch._call_services import CallServices
from digitro_async.dispatch._live_clock import live_clock
from digitro_async.dispatch._logger import LOGGER
from digitro_async.dispatch._recorder import Recorder
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    DrainedError,
    PABXPausedError,
    SourceError,
)
from digitro_async.models import Call, CallResult, DispatchItem

__all__ = ["Calls", "DispatchResults"]

Calls = Iterable[Call | DispatchItem] | AsyncIterable[Call | DispatchItem]

_NO_MORE: Any = object()
_LATER: Any = object()

LONG_READ = 0.5
"""Seconds; a source that takes longer for one call while nothing else runs is told."""


@runtime_checkable
class ReadsAhead(Protocol):
    """An asynchronous source that often has its next call at hand."""

    def next_ready(self) -> Call | DispatchItem | None:
        """Return the next call, None where it must be waited for."""
        ...


class DispatchResults:
    """The results of many calls, one for each call read, in order of completion.

    Workers, at most as many as may be on the wire, read the source as they need calls
    and stop reading while nobody takes results, so memory does not grow with the list.

    * Leaving the ``async with`` block early, ``drain()`` and cancellation stop the
      reading, let what is on the wire finish, and lose nothing: results nobody took
      are in ``unread()``.
    * When every PABX is paused until somebody acts, or the client closes, iteration
      ends with ``PABXPausedError`` or ``DrainedError`` after the last result: the
      rest of the source was not read.
    * An exception of the source itself is raised after the last result. One that would
      pass for something else (a cancellation of whoever iterates, the end of the
      iteration) is the cause of a ``SourceError``.
    * A synchronous source that takes longer than half a second for one call keeps
      everything else waiting: the logger ``digitro_async`` says so, once.

    Attributes:
        exhausted: Whether the source was read to its end.
    """

    def __init__(
        self,
        services: CallServices,
        calls: Calls,
        recorder: Recorder | None = None,
    ) -> None:
        self.exhausted = False
        self._recorder = recorder
        self._services = services
        self._limit = services.router.capacity
        self._sync: Iterator[Any] | None = None
        self._async: AsyncIterator[Any] | None = None
        self._ahead = calls if isinstance(calls, ReadsAhead) else None
        try:
            if isinstance(calls, AsyncIterable):
                self._async = aiter(calls)
            else:
                self._sync = iter(calls)
        except _MISTAKABLE as error:
            raise _source_error(error) from error
        self._reading: asyncio.Lock | None = None
        self._workers: dict[asyncio.Task[None], CallRun | None] = {}
        self._ready: deque[CallResult] = deque()
        self._open = 0  # calls read whose result is not ready
        self._settled: asyncio.Event | None = None
        self._takers: dict[asyncio.Future[None], None] = {}
        self._room: asyncio.Event | None = None  # where somebody waits for it
        self._entered = self._stopping = self._told = False
        self._fault: BaseException | None = None

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError("the results of one dispatch are entered once")
        self._entered = True
        self._reading = asyncio.Lock()
        self._spawn()
        self._services.in_flight.join(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drain()
        # Scopes of anyio cancel everything they can reach again and again; what is on
        # the wire shall finish nevertheless, within its own time limit.
        with anyio.CancelScope(shield=True):
            try:
                await self._all_done()
            except asyncio.CancelledError:  # asked once more, to be quicker
                await self._abort()
                raise

    def __aiter__(self) -> Self:
        if not self._entered:
            raise ConfigurationError("enter it first: async with client.dispatch(...)")
        return self

    async def __anext__(self) -> CallResult:
        while not self._ready:
            if not self._workers and not self._open:
                self._raise_fault()
                raise StopAsyncIteration
            taker = asyncio.get_running_loop().create_future()
            self._takers[taker] = None
            try:
                await taker
            finally:
                self._takers.pop(taker, None)
        result = self._ready.popleft()
        if self._room is not None and len(self._ready) < self._limit:
            self._make_room()
        return result

    def drain(self) -> None:
        """Start no further call; what is on the wire finishes.

        Calls that were read and wait for their turn end NOT_SENT with
        ``DrainedError``. Iteration goes on until the last result.
        """
        if self._stopping:
            return
        self._stopping = True
        self._make_room()
        for worker, call_run in self._workers.items():
            if call_run is None or not call_run.stop_soon():
                worker.cancel()

    def end(self) -> None:
        """Read no further call: the sender was told to start none any more.

        Calls that were read end as the sender says.
        """
        if self._stopping or self.exhausted:
            return
        self._fault = self._fault or DrainedError(reason="drained")
        self._stopping = True
        self._make_room()
        for worker, call_run in self._workers.items():
            if call_run is None:  # it reads, or waits for room
                worker.cancel()

    def unread(self) -> list[CallResult]:
        """Take the results that nobody took by iterating."""
        results = list(self._ready)
        self._ready.clear()
        self._make_room()
        return results

    def _spawn(self) -> None:
        # Not by the loop's task factory: an eager one would read the whole source here.
        worker = asyncio.Task(self._work(), loop=asyncio.get_running_loop())
        self._workers[worker] = None
        worker.add_done_callback(self._retire)

    def _retire(self, worker: asyncio.Task[None]) -> None:
        del self._workers[worker]
        if worker.cancelled():
            self._stop_for_a_cancellation()
        elif worker.exception() is not None:
            self._stop_for(worker.exception())
        self._wake()

    async def _work(self) -> None:  # noqa: C901, PLR0912 - one call after another
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 - for the type checker
        clock, services = live_clock(), self._services
        before = clock()
        while not self._stopping:
            item = self._next_now()
            waited = item is _LATER
            if waited:
                item = await self._next_from_async()
            if item is _NO_MORE:
                return
            if len(self._workers) < self._limit and not self._stopping:
                self._spawn()
            if isinstance(item, DispatchItem):
                call, pabx, key = item.call, item.pabx, item.key
            else:
                call, pabx, key = item, None, None
            call_run = CallRun(
                services, call, clock, pabx, key, self._recorder, self._deliver
            )
            if call_run.began - before > LONG_READ and not waited:
                self._tell_of_a_long_read()
            self._workers[me] = call_run
            self._open += 1
            try:
                if self._stopping:  # the source was told, and gave a call all the same
                    result = self._cut_short(call_run)
                else:
                    result = await call_run.run(wait_while_paused=True)
            except asyncio.CancelledError:
                result = self._cut_short(call_run)
            except BaseException:
                self._open -= 1
                raise
            self._workers[me] = None
            before = call_run.ended or call_run.began
            if result is not None:
                self._deliver(result)
            if len(self._ready) >= 2 * self._limit and not self._stopping:
                await self._wait_for_room()
                before = clock()

    def _tell_of_a_long_read(self) -> None:
        """Say once that the source keeps everything waiting; this harms no call."""
        if not self._told:
            self._told = True
            LOGGER.warning(
                "a synchronous source of calls took longer than %s s for one call, and"
                " nothing else ran meanwhile: read it in a thread, or make it"
                " asynchronous",
                LONG_READ,
            )

    def _cut_short(self, call_run: CallRun) -> CallResult | None:
        """Return the result of a call whose worker was cancelled, None as above."""
        self._stop_for_a_cancellation()
        if call_run.result is not None or call_run.phase is Phase.RECORDING:
            return call_run.result
        drained = DrainedError(reason="drained", attempts=call_run.attempts)
        return call_run.end(call_run.clock(), drained)

    def _stop_for_a_cancellation(self) -> None:
        """Stop where somebody ends every task there is; what was left is not read."""
        if not self._stopping:
            self._stop_for(DrainedError(reason="cancelled"))

    def _deliver(self, result: CallResult) -> None:
        """Take the result of a call that was read; there is one for each."""
        self._open -= 1
        self._ready.append(result)
        if self._takers:
            self._wake()
        if not self._open and self._settled is not None:
            self._settled.set()
        if result.error is not None:
            self._look_for_an_end(result.error)

    def _next_now(self) -> Any:
        """Return what is read next, if that needs no waiting."""
        if self.exhausted or self._stopping:
            return _NO_MORE
        try:
            if self._sync is None:
                return (self._ahead and self._ahead.next_ready()) or _LATER
            item = next(self._sync, _NO_MORE)
        except BaseException as error:  # noqa: BLE001 - the caller's own, given back
            return self._broke_off(error)
        if item is _NO_MORE:
            self.exhausted = not self._stopping
        return item

    async def _next_from_async(self) -> Any:
        assert self._async is not None  # noqa: S101 - for the type checker
        assert self._reading is not None  # noqa: S101 - for the type checker
        async with self._reading:
            if self.exhausted or self._stopping:
                return _NO_MORE
            try:
                item = await anext(self._async, _NO_MORE)
            except asyncio.CancelledError as error:
                if not is_cancelled():  # nobody asked this task to end
                    return self._broke_off(error)
                self._stop_for_a_cancellation()  # nobody may read what is left of it
                raise
            except BaseException as error:  # noqa: BLE001 - the caller's own, given back
                return self._broke_off(error)
            if item is _NO_MORE:
                self.exhausted = not self._stopping
            return item

    def _broke_off(self, error: BaseException) -> Any:
        """Stop for what the source raised; return that there is no more."""
        if isinstance(error, _MISTAKABLE):
            fault: BaseException = _source_error(error)
            fault.__cause__ = error
        else:
            fault = error
        self._stop_for(fault)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise error  # the loop ends with it, as it would without this library
        return _NO_MORE

    async def _wait_for_room(self) -> None:
        if self._room is None:
            self._room = asyncio.Event()
        await self._room.wait()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    def _look_for_an_end(self, error: DigitroError) -> None:
        paused = (
            isinstance(error, PABXPausedError) and self._services.router.needs_resume
        )
        if (paused or isinstance(error, DrainedError)) and not self._stopping:
            self._stop_for(type(error)(pabx=error.pabx, reason=error.reason))

    def _stop_for(self, fault: BaseException | None) -> None:
        self._fault = self._fault or fault
        self.drain()

    def _raise_fault(self) -> None:
        fault, self._fault = self._fault, None
        try:
            if fault is not None:
                raise fault
        finally:
            del fault  # its traceback refers to this frame

    def _wake(self) -> None:
        for taker in self._takers:
            if not taker.done():
                taker.set_result(None)
        self._takers.clear()

    async def _abort(self) -> None:
        """Cut off what is on the wire, and see to it that its results are kept."""
        for worker in self._workers:
            worker.cancel()
        while self._workers or self._open:
            with contextlib.suppress(asyncio.CancelledError):
                await self._all_done()

    async def _all_done(self) -> None:
        """Wait until every worker has ended and every call read has its result."""
        while self._workers:
            await asyncio.wait(list(self._workers))
        while self._open:
            self._settled = self._settled or asyncio.Event()
            self._settled.clear()
            await self._settled.wait()


_MISTAKABLE = (
    asyncio.CancelledError,
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
)
"""Raised as they are, they would say that whoever iterates is cancelled, or done."""


def _source_error(error: BaseException) -> SourceError:
    return SourceError(
        f"the source of the calls raised {type(error).__name__}", reason="source"
    )
