"""DispatchResults: the results of many calls, to be iterated over."""

import asyncio
from typing import Self

import anyio

from digitro_async._common.own_loop import OwnLoop
from digitro_async.dispatch._call_services import CallServices
from digitro_async.dispatch._call_source import Calls, CallSource
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._result_buffer import ResultBuffer
from digitro_async.dispatch._workers import Workers
from digitro_async.errors import ConfigurationError, DrainedError
from digitro_async.models import CallResult

__all__ = ["DispatchResults"]


class DispatchResults:
    """The results of many calls, one for each call read, in order of completion.

    Workers, at most as many as may be on the wire, read the source as they need calls
    and stop reading while nobody takes results, so memory does not grow with the list.

    * Leaving the ``async with`` block early, ``drain()`` and cancellation stop the
      reading, let calls on the wire finish, and lose nothing: results nobody took are
      in ``unread()``.
    * When every PABX is paused until ``resume``, or the client closes, iteration
      ends with ``PABXPausedError`` or ``DrainedError`` after the last result: the
      rest of the source was not read. Where the PABX can't be used as configured, for
      one without a channel, it ends with ``ConfigurationError``.
    * An exception of the source itself is raised after the last result. One that would
      pass for another event (a cancellation of the task that iterates, the end of
      the iteration) is the cause of a ``SourceError``.
    * A synchronous source that takes longer than half a second for one call keeps
      everything else waiting: the logger ``digitro_async`` says so, once.
    """

    def __init__(
        self,
        services: CallServices,
        calls: Calls,
        recorder: Recorder | None = None,
        *,
        wait_for_end: bool = False,
    ) -> None:
        self._in_flight = services.in_flight
        self._source = CallSource(calls)
        self._buffer = ResultBuffer(2 * services.router.capacity)
        self._workers = Workers(
            *(services, self._source, self._buffer, recorder), wait_for_end=wait_for_end
        )
        self._entered = False
        self._own_loop = OwnLoop()
        self._own_loop.check_if_running(self)

    def __repr__(self) -> str:
        return f"<DispatchResults {'entered' if self._entered else 'not entered'}>"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError("the results of one dispatch are entered once")
        self._own_loop.check(self)
        self._entered = True
        self._workers.start()
        self._in_flight.join(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drain()
        # Scopes of anyio cancel everything they can reach again and again; what is on
        # the wire shall finish nevertheless, within its own time limit.
        with anyio.CancelScope(shield=True):
            try:
                await self._workers.wait()
            except asyncio.CancelledError:
                # Cancelled once more: the caller wants the end soon.
                await self._workers.abort()
                raise

    def __aiter__(self) -> Self:
        if not self._entered:
            raise ConfigurationError(
                "the results of one dispatch must be entered first:"
                " async with client.dispatch(...) as results"
            )
        return self

    async def __anext__(self) -> CallResult:
        buffer = self._buffer
        while not buffer.ready:
            if self._workers.are_done:
                self._raise_fault()
                raise StopAsyncIteration
            await buffer.wait()
        if buffer.room is None:  # nobody waits until this one is taken
            return buffer.ready.popleft()
        return buffer.take()

    def take_ready(self) -> CallResult | None:
        """Take the next result where it is there."""
        return self._buffer.take() if self._buffer.ready else None

    @property
    def exhausted(self) -> bool:
        """Whether the source was read to its end."""
        return self._source.exhausted

    @property
    def waits_for_source(self) -> bool:
        """Whether the source was asked for a call and gave none yet."""
        return self._source.is_waited_for

    def drain(self) -> None:
        """Start no further call; calls on the wire finish.

        Calls that were read and wait for their turn end NOT_SENT with
        ``DrainedError``. Iteration goes on until the last result.
        """
        self._workers.stop()

    def end(self) -> None:
        """Read no further call: the client was told to start none any more.

        Calls that were read end as their PABX say.
        """
        self._workers.stop_reading(DrainedError(reason="drained"))

    def unread(self) -> list[CallResult]:
        """Take the results that nobody took by iterating."""
        return self._buffer.take_all()

    def _raise_fault(self) -> None:
        fault = self._source.take_fault()
        try:
            if fault is not None:
                raise fault
        finally:
            del fault  # its traceback refers to this frame
