"""Dials a list, takes results, and ends well whatever happens."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import attrs

from digitro_async.cli._client import open_client
from digitro_async.cli._exit import Course, Exit, exit_code_of
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._progress import show_progress
from digitro_async.cli._runner import cut_off, ends_anyway, on_interrupt
from digitro_async.cli._tally import RunCounts, summary_of
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.contacts import (
    ContactFile,
    ContactRow,
    RejectedRow,
    RejectsFile,
    ResultsFile,
)
from digitro_async.dispatch import Statistics
from digitro_async.errors import DigitroError, Outcome, PABXPausedError
from digitro_async.models import CallResult, DispatchItem
from digitro_async.privacy import Personal, Secret

__all__ = ["ContactSource", "ResultStream", "dial_all", "take_all"]

SLICE_SECONDS = 0.005
"""How long rows that are no contact are read before answers are looked after."""

_MOST_SHOWN = 1000
_END: Any = object()


@attrs.define
class ContactSource:
    """Reads contacts as they are needed and writes down the rows that are none.

    A source of ``dispatch`` that gives the loop back while it passes over rows.

    Attributes:
        contacts: Where they come from.
        rejects: Where the other rows go, None for nowhere.
        defaults: Field of a call to text, for rows that leave it open.
        max_calls: Contacts after which it ends, None for no limit.
        tally: What became of them.
    """

    contacts: ContactFile
    rejects: RejectsFile | None
    defaults: Mapping[str, str | Secret | Personal] = attrs.field(repr=False)
    max_calls: int | None = None
    tally: RunCounts = attrs.field(factory=RunCounts)
    _rows: Iterator[ContactRow | RejectedRow | None] = attrs.field(init=False)
    _given: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._rows = self.contacts.pieces()

    def left(self) -> float | None:
        """Return about how many contacts are left, by how much of the file was read."""
        done = self.contacts.bytes_read
        if not done:
            return None
        rows = self.contacts.read * self.contacts.total_bytes / done
        left = rows - self.tally.settled - self.tally.rejected_rows
        if self.max_calls is None:
            return left
        return min(left, self.max_calls - self.tally.settled)

    def next_ready(self) -> DispatchItem | None:
        """Return the next call where the next row has one."""
        item: DispatchItem | None = self._next_item()
        return None if item is _END else item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DispatchItem:
        while True:
            until = time.monotonic() + SLICE_SECONDS
            while time.monotonic() < until:
                item: DispatchItem | None = self._next_item()
                if item is _END:
                    raise StopAsyncIteration
                if item is not None:
                    return item
            await asyncio.sleep(0)

    def __iter__(self) -> Iterator[DispatchItem]:
        while (item := self._next_item()) is not _END:
            if item is not None:
                yield item

    def _next_item(self) -> Any:
        """Read one row; ``_END`` where there is none, None where it has no call."""
        if self._given == self.max_calls:
            return _END
        row = next(self._rows, _END)
        if isinstance(row, ContactRow):
            self._given += 1
            return DispatchItem(
                call=row.build_call(self.defaults), pabx=row.pabx, key=row
            )
        if isinstance(row, RejectedRow):
            if self.rejects is not None:
                self.rejects.write(row)
            self.tally.rejected_rows += 1
            return None
        return row  # either of the two


class ResultStream(Protocol):
    """Where results come from: a dispatch, or the run of a campaign."""

    @property
    def exhausted(self) -> bool: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> CallResult: ...

    def drain(self) -> None: ...

    def unread(self) -> list[CallResult]: ...


@attrs.define
class _Run:
    """What happened so far, beyond the outcomes."""

    stream: ResultStream
    tally: RunCounts
    write: Callable[[CallResult], None]
    course: Course
    meanings: dict[str, str] = attrs.field(factory=dict)
    unwritten: list[tuple[int, Outcome]] = attrs.field(factory=list)

    def interrupt(self) -> None:
        """Start no further call."""
        self.course.interrupted = True
        self.stream.drain()
        print_error(
            "interrupted: finishing what is on the wire (again: cutting it off)"
        )

    def fail(self, problem: str) -> None:
        """Start no further call because a file can't be read or written."""
        self.stream.drain()
        if not self.course.failure:
            self.course.failure = problem
            print_error(f"digitro: {problem}; no further call is started")

    def take(self, result: CallResult) -> None:
        """Write down what became of a contact."""
        self.tally.outcomes[result.outcome] += 1
        if result.error is not None:
            self.meanings[result.error.reason] = str(result.error.args[0])
        try:
            self.write(result)
        except DigitroError as error:
            problem = str(error.args[0])
        else:
            return
        line = result.key.line if isinstance(result.key, ContactRow) else 0
        self.unwritten.append((line, result.outcome))
        self.fail(problem)


async def dial_all(
    config: Config, reading: ContactSource, results: ResultsFile, course: Course
) -> Exit:
    """Dial everything that is read and write every result as it comes."""

    def write(result: CallResult) -> None:
        assert isinstance(result.key, ContactRow)  # noqa: S101 - for the type checker
        results.write(result.key, result)

    async with open_client(config) as client:
        stream = client.dispatch(reading)
        code = await take_all(
            client, stream, reading.tally, course, left=reading.left, write=write
        )
    if code is not None:
        return code
    return exit_code_of(reading.tally.outcomes, reading.tally.rejected_rows)


async def take_all(
    client: DigitroClient,
    stream: ResultStream,
    tally: RunCounts,
    course: Course,
    *,
    left: Callable[[], float | None],
    write: Callable[[CallResult], None],
) -> Exit | None:
    """Take all results, show how it goes on, and print what came of it.

    Args:
        client: The client.
        stream: Where results come from.
        tally: Counts them.
        course: What happens on the way.
        left: Returns how many contacts are left.
        write: Keeps a result; may raise ``DigitroError``.

    Returns:
        The exit code where it ended before its end, else None.
    """
    run = _Run(stream, tally, write, course)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    with on_interrupt(run.interrupt, lambda: cut_off(task)):
        course.dialled = True  # or may have, from here on
        try:
            await _iterate(run, client, left)
        except asyncio.CancelledError:
            course.interrupted = True
            while task.uncancel():
                pass
        for result in run.stream.unread():
            run.take(result)
    ends_anyway()
    held = _held(client.statistics())
    for name, value in summary_of(tally):
        print_line(f"{name:<16}{value}")
    return _end(run, held)


async def _iterate(
    run: _Run, client: DigitroClient, left: Callable[[], float | None]
) -> None:
    try:
        async with show_progress(run.tally, left, client.statistics), run.stream:
            async for result in run.stream:
                run.take(result)
    except PABXPausedError:
        pass  # what each PABX is paused for is said at the end
    except DigitroError as error:
        run.fail(str(error.args[0]))


def _held(statistics: Statistics) -> dict[str, str]:
    """Return why each PABX is paused, if every one is until somebody has looked."""
    held = {
        one.name: one.paused
        for one in statistics.pabx.values()
        if one.paused and one.resumes_in is None
    }
    return held if len(held) == len(statistics.pabx) else {}


def _end(run: _Run, held: Mapping[str, str]) -> Exit | None:
    """Say why it ended before its end, if it did."""
    for line, outcome in run.unwritten[:_MOST_SHOWN]:
        print_error(f"not in the results: line {line}, {outcome}")
    if len(run.unwritten) > _MOST_SHOWN:
        print_error(f"not in the results: {len(run.unwritten) - _MOST_SHOWN} more")
    if run.course.failure:
        print_error(f"stopped: {run.course.failure}; what was not read was not dialled")
    if run.course.interrupted:
        print_error("interrupted: what was not read was not dialled")
    if run.course.failure or run.course.interrupted:
        return run.course.code(Exit.INCOMPLETE)
    for name, reason in held.items():
        meaning = run.meanings.get(reason, "")
        print_error(f"paused: {name} ({reason}) {meaning}".rstrip())
    if held:
        if not run.stream.exhausted:
            print_error("what was not read was not dialled")
        return Exit.PAUSED
    return None
