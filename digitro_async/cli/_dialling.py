"""Dials a list, takes results, and ends well whatever happens."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Protocol, Self

import attrs

from digitro_async.cli._client import open_client
from digitro_async.cli._config import Config
from digitro_async.cli._exit import Exit, exit_code_of
from digitro_async.cli._output import complain, say
from digitro_async.cli._progress import show_progress
from digitro_async.cli._runner import cut_off, on_interrupt
from digitro_async.cli._tally import Tally, summary_of
from digitro_async.client import DigitroClient
from digitro_async.contacts import Contact, ContactFile, RejectsFile, ResultsFile
from digitro_async.dispatch import Statistics
from digitro_async.errors import DigitroError, Outcome, PABXPausedError
from digitro_async.models import CallResult, DispatchItem

__all__ = ["Reading", "Stream", "dial_all", "take_all"]

_MOST_SHOWN = 1000


@attrs.define
class Reading:
    """Reads contacts as they are needed and writes down the rows that are none.

    Attributes:
        contacts: Where they come from.
        rejects: Where the other rows go, None for nowhere.
        max_calls: Contacts after which it ends, None for no limit.
        tally: What became of them.
    """

    contacts: ContactFile
    rejects: RejectsFile | None
    max_calls: int | None = None
    tally: Tally = attrs.field(factory=Tally)

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

    def __iter__(self) -> Iterator[DispatchItem]:
        left = self.max_calls
        while left is None or left > 0:
            row = next(self.contacts, None)
            if row is None:
                return
            if isinstance(row, Contact):
                yield DispatchItem(call=row.call, pabx=row.pabx, key=row)
                left = None if left is None else left - 1
                continue
            if self.rejects is not None:
                self.rejects.write(row)
            self.tally.rejected_rows += 1


class Stream(Protocol):
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

    stream: Stream
    tally: Tally
    write: Callable[[CallResult], None]
    interrupted: bool = False
    failure: str = ""
    meanings: dict[str, str] = attrs.field(factory=dict)
    unwritten: list[tuple[int, Outcome]] = attrs.field(factory=list)

    def interrupt(self) -> None:
        """Start no further call."""
        self.interrupted = True
        self.stream.drain()
        complain("interrupted: finishing what is on the wire (again: cutting it off)")

    def fail(self, problem: str) -> None:
        """Start no further call because a file can't be read or written."""
        self.stream.drain()
        if not self.failure:
            self.failure = problem
            complain(f"digitro: {problem}; no further call is started")

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
        line = result.key.line if isinstance(result.key, Contact) else 0
        self.unwritten.append((line, result.outcome))
        self.fail(problem)


async def dial_all(config: Config, reading: Reading, results: ResultsFile) -> Exit:
    """Dial everything that is read and write every result as it comes."""

    def write(result: CallResult) -> None:
        assert isinstance(result.key, Contact)  # noqa: S101 - for the type checker
        results.write(result.key, result)

    async with open_client(config) as client:
        stream = client.dispatch(reading)
        code = await take_all(
            client, stream, reading.tally, left=reading.left, write=write
        )
    if code is not None:
        return code
    return exit_code_of(reading.tally.outcomes, reading.tally.rejected_rows)


async def take_all(
    client: DigitroClient,
    stream: Stream,
    tally: Tally,
    *,
    left: Callable[[], float | None],
    write: Callable[[CallResult], None],
) -> Exit | None:
    """Take all results, show how it goes on, and print what came of it.

    Args:
        client: The client.
        stream: Where results come from.
        tally: Counts them.
        left: Returns how many contacts are left.
        write: Keeps a result; may raise ``DigitroError``.

    Returns:
        The exit code where it ended before its end, else None.
    """
    run = _Run(stream, tally, write)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    with on_interrupt(run.interrupt, lambda: cut_off(task)):
        try:
            await _iterate(run, client, left)
        except asyncio.CancelledError:
            run.interrupted = True
            while task.uncancel():
                pass
        for result in run.stream.unread():
            run.take(result)
    held = _held(client.statistics())
    for name, value in summary_of(tally):
        say(f"{name:<16}{value}")
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
        complain(f"not in the results: line {line}, {outcome}")
    if len(run.unwritten) > _MOST_SHOWN:
        complain(f"not in the results: {len(run.unwritten) - _MOST_SHOWN} more")
    if run.failure:
        complain(f"stopped: {run.failure}; what was not read was not dialled")
        return Exit.PAUSED
    if run.interrupted:
        complain("interrupted: what was not read was not dialled")
        return Exit.INTERRUPTED
    for name, reason in held.items():
        meaning = run.meanings.get(reason, "")
        complain(f"paused: {name} ({reason}) {meaning}".rstrip())
    if held:
        if not run.stream.exhausted:
            complain("what was not read was not dialled")
        return Exit.PAUSED
    return None
