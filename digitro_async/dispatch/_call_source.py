"""CallSource: calls read one at a time from an iterable of the user."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Final, Protocol, runtime_checkable

from digitro_async.dispatch._cancellation import is_cancelled
from digitro_async.errors import SourceError
from digitro_async.models import Call, DispatchItem
from digitro_async.observe import LOGGER

__all__ = ["LATER", "LONG_READ", "NO_MORE", "CallSource", "Calls", "ReadsAhead"]

Calls = Iterable[Call | DispatchItem] | AsyncIterable[Call | DispatchItem]

NO_MORE: Final[Any] = object()
"""Read in place of a call: nothing more is read."""
LATER: Final[Any] = object()
"""Read in place of a call: the next one must be waited for."""

LONG_READ = 0.5
"""Seconds that a source may take for one call without a warning in the log."""

_MISTAKABLE = (
    asyncio.CancelledError,
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
)
"""Errors that would tell the reader of the results of a cancellation, or an end."""


@runtime_checkable
class ReadsAhead(Protocol):
    """An asynchronous source that often has its next call at hand."""

    def next_ready(self) -> Call | DispatchItem | None:
        """Return the next call, None where it must be waited for."""
        ...


class CallSource:
    """Reads calls until there are no more, or it is closed.

    Args:
        calls: The calls.

    Attributes:
        exhausted: Whether it was read to its end.
        is_closed: Whether nothing more is read.
        fault: The error to raise after the last result, None where there is none.

    Raises:
        SourceError: If the calls raise what would pass for something else.
    """

    def __init__(self, calls: Calls) -> None:
        self.exhausted = self.is_closed = False
        self.fault: BaseException | None = None
        self._sync: Iterator[Any] | None = None
        self._async: AsyncIterator[Any] | None = None
        self._ahead = calls if isinstance(calls, ReadsAhead) else None
        self._reading = asyncio.Lock()
        self._was_logged = False
        try:
            if isinstance(calls, AsyncIterable):
                self._async = aiter(calls)
            else:
                self._sync = iter(calls)
        except _MISTAKABLE as error:
            raise _source_error(error) from error

    @property
    def is_waited_for(self) -> bool:
        """Whether it was asked for a call and gave none yet."""
        return self._reading.locked()

    def close(self, fault: BaseException | None = None) -> None:
        """Read no more; the first fault is kept."""
        self.is_closed = True
        self.fault = self.fault or fault

    def take_fault(self) -> BaseException | None:
        """Return the fault once."""
        fault, self.fault = self.fault, None
        return fault

    def read_nowait(self) -> Any:
        """Return the next call, ``LATER`` or ``NO_MORE``."""
        if self.exhausted or self.is_closed:
            return NO_MORE
        try:
            if self._sync is None:
                return (self._ahead and self._ahead.next_ready()) or LATER
            item = next(self._sync, NO_MORE)
        except BaseException as error:  # noqa: BLE001 - the caller's own, given back
            return self._break_off(error)
        if item is NO_MORE:
            self.exhausted = not self.is_closed
        return item

    async def read(self) -> Any:
        """Wait for the next call, and return it or ``NO_MORE``."""
        assert self._async is not None  # noqa: S101 - for the type checker
        async with self._reading:
            if self.exhausted or self.is_closed:
                return NO_MORE
            try:
                item = await anext(self._async, NO_MORE)
            except asyncio.CancelledError as error:
                if is_cancelled():
                    raise
                return self._break_off(error)  # nobody asked this task to end
            except BaseException as error:  # noqa: BLE001 - the caller's own, given back
                return self._break_off(error)
            if item is NO_MORE:
                self.exhausted = not self.is_closed
            return item

    def warn_of_a_long_read(self) -> None:
        """Log once that the source keeps everything waiting; this harms no call."""
        if not self._was_logged:
            self._was_logged = True
            LOGGER.warning(
                "a synchronous source of calls took longer than %s s for one call, and"
                " nothing else ran meanwhile: read it in a thread, or make it"
                " asynchronous",
                LONG_READ,
            )

    def _break_off(self, error: BaseException) -> Any:
        """Close for an error of the source; return that there is no more."""
        if isinstance(error, _MISTAKABLE):
            fault: BaseException = _source_error(error)
            fault.__cause__ = error
        else:
            fault = error
        self.close(fault)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise error  # the loop ends with it, as it would without this library
        return NO_MORE


def _source_error(error: BaseException) -> SourceError:
    return SourceError(
        f"the source of the calls raised {type(error).__name__}", reason="source"
    )
