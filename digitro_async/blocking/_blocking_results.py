"""BlockingResults: the results of many calls, for a program without an event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, Self

import attrs

from digitro_async.blocking._loop_thread import LoopThread
from digitro_async.client import DigitroClient
from digitro_async.dispatch import DispatchResults
from digitro_async.errors import (
    ConfigurationError,
    DrainedError,
    Outcome,
    SourceError,
)
from digitro_async.models import Call, CallResult, DispatchItem

__all__ = ["BlockingResults"]

_NO_MORE: Final[Any] = object()


@attrs.frozen(eq=False)
class _Wanted:
    """The question of the loop for the next call of the source.

    Attributes:
        answer: Takes the call, ``_NO_MORE``, or why there is none.
    """

    answer: asyncio.Future[Any]


@attrs.frozen(eq=False)
class _Ended:
    """The end of the results.

    Attributes:
        fault: The error that the iteration ends with.
    """

    fault: BaseException | None


class BlockingResults:
    """The results of many calls, one for each call read, in order of completion.

    The source is read in the thread that takes the results, while it takes one: so a
    source may be a cursor of a database, which belongs to its thread. Results are taken
    by one thread at a time.

    * Leaving the ``with`` block early stops the reading, lets calls on the wire finish,
      and loses nothing: results that nobody took are in ``unread()``.
    * Iteration ends with the errors of ``DispatchResults``.

    Args:
        thread: The thread of the client.
        client: The client.
        calls: The calls.
        wait_for_end: Whether results wait for what became of their calls.

    Raises:
        DigitroError: As ``DigitroClient.dispatch`` raises it.
    """

    def __init__(
        self,
        thread: LoopThread,
        client: DigitroClient,
        calls: Iterable[Call | DispatchItem],
        *,
        wait_for_end: bool,
    ) -> None:
        self._thread = thread
        self._source: Iterator[Call | DispatchItem] = iter(calls)
        self._told: SimpleQueue[CallResult | _Wanted | _Ended] = SimpleQueue()
        self._reading = threading.Lock()
        self._running: Future[None] | None = None
        self._is_over = False
        self._results = thread.run(
            lambda: self._dispatch(client, wait_for_end=wait_for_end)
        )

    def __repr__(self) -> str:
        state = "not entered" if self._running is None else "entered"
        return f"<BlockingResults {state}>"

    def __enter__(self) -> Self:
        if self._running is not None:
            raise ConfigurationError("the results of one dispatch are entered once")
        self._running = self._thread.submit(self._take_results)
        return self

    def __exit__(self, *_: object) -> None:
        running = self._running
        if running is None or self._thread.is_forked:
            return
        self._source = iter(())
        self.drain()
        self._answer_waiting()
        try:
            running.result()
        except BaseException:
            running.cancel()  # interrupted once more: calls on the wire are cut off
            raise

    def __iter__(self) -> Self:
        if self._running is None:
            raise ConfigurationError(
                "the results of one dispatch must be entered first:"
                " with client.dispatch(...) as results"
            )
        return self

    def __next__(self) -> CallResult:
        self._thread.check_process()
        with self._reading:
            while not self._is_over:
                told = self._told.get()
                if isinstance(told, CallResult):
                    return told
                if isinstance(told, _Wanted):
                    self._answer(told)
                    continue
                self._is_over = True
                if told.fault is not None:
                    raise told.fault
        raise StopIteration

    @property
    def exhausted(self) -> bool:
        """Whether the source was read to its end."""
        return self._results.exhausted

    def drain(self) -> None:
        """Start no further call; calls on the wire finish, and their results come."""
        self._thread.check_process()
        self._thread.call_soon(self._results.drain)

    def unread(self) -> list[CallResult]:
        """Take the results that nobody took by iterating, once the block was left."""
        with self._reading:
            found = []
            while not self._told.empty():
                told = self._told.get()
                if isinstance(told, CallResult):
                    found.append(told)
        return found

    def _answer(self, wanted: _Wanted) -> None:
        """Read the next call in this thread, and give it to the loop."""
        call: Any = _NO_MORE
        fault: Exception | None = None
        try:
            call = next(self._source, _NO_MORE)
        except StopIteration as error:  # raised by a part of the source
            fault = SourceError("the source of the calls raised StopIteration")
            fault.__cause__ = error
        except Exception as error:  # noqa: BLE001 - raised after the last result
            fault = error
        except BaseException:  # this thread is interrupted, and no other one
            self._thread.call_soon(self._results.drain)
            raise
        self._thread.call_soon(self._take, wanted.answer, call, fault)

    def _take(
        self, answer: asyncio.Future[Any], call: Any, fault: Exception | None
    ) -> None:
        """Give a call to the worker that wants it; this runs in the loop."""
        if not answer.done():
            if fault is None:
                answer.set_result(call)
            else:
                answer.set_exception(fault)
        else:  # it wants none any more: the client was stopped
            self._give_back(call)

    def _give_back(self, call: Any) -> None:
        """Give a call that was read when nothing began any more as not sent."""
        if call is not _NO_MORE:
            self._told.put(_unbegun(call))

    def _answer_waiting(self) -> None:
        """Tell the loop that there are no more calls, and keep the results."""
        kept = []
        while not self._told.empty():
            told = self._told.get()
            if isinstance(told, _Wanted):
                self._answer(told)
            else:
                kept.append(told)
        for one in kept:
            self._told.put(one)

    async def _dispatch(
        self, client: DigitroClient, *, wait_for_end: bool
    ) -> DispatchResults:
        return client.dispatch(self._ask_for_calls(), wait_for_end=wait_for_end)

    async def _ask_for_calls(self) -> AsyncIterator[Call | DispatchItem]:
        loop = asyncio.get_running_loop()
        while True:
            answer = loop.create_future()
            self._told.put(_Wanted(answer))
            try:
                call = await answer
            except asyncio.CancelledError:
                if answer.done() and not (answer.cancelled() or answer.exception()):
                    self._give_back(answer.result())  # it was read in vain
                raise
            if call is _NO_MORE:
                return
            yield call

    async def _take_results(self) -> None:
        fault: BaseException | None = None
        try:
            async with self._results:
                try:
                    async for result in self._results:
                        self._told.put(result)
                except Exception as error:  # noqa: BLE001 - raised where they are taken
                    fault = error
        finally:
            for result in self._results.unread():
                self._told.put(result)
            self._told.put(_Ended(fault))


def _unbegun(item: Call | DispatchItem) -> CallResult:
    """Return the result of a call that was read when nothing began any more."""
    key = item.key if isinstance(item, DispatchItem) else None
    return CallResult(
        call=item.call if isinstance(item, DispatchItem) else item,
        outcome=Outcome.NOT_SENT,
        error=DrainedError(reason="drained"),
        key=key,
    )
