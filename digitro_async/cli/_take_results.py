"""Takes the results of a run, and ends well after any error or signal."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Protocol

import attrs

from digitro_async._common.base_url import address_of
from digitro_async.cli._command_loop import cut_off, on_interrupt
from digitro_async.cli._counts import RunCounts, reasons_of, summary_of
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._heeded_lines import (
    heeding_of,
    say_block_readings,
    summary_of_rules,
)
from digitro_async.cli._interrupts import ends_anyway
from digitro_async.cli._live_progress import show_progress
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._run_display import RunDisplay, seconds_between_looks
from digitro_async.cli._run_view import RunPhase
from digitro_async.client import DigitroClient
from digitro_async.dispatch import PauseStatus, Statistics
from digitro_async.errors import DigitroError, PABXPausedError
from digitro_async.models import CallResult
from digitro_async.settings import RateLimit
from digitro_async.workers import Worker

__all__ = ["Run", "take_results"]


class Run(Protocol):
    """The results of a run, or of a worker."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[CallResult]: ...

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left to be begun."""
        ...

    @property
    def is_waiting_for_ends(self) -> bool:
        """Whether nothing but the ends of calls is waited for."""
        ...

    def drain(self) -> None:
        """Start no further call."""
        ...

    def unread(self) -> list[CallResult]:
        """Take the results that nobody took by iterating."""
        ...


@attrs.define
class _Taking:
    """Counts the results of a run, and stops it.

    Attributes:
        run: The run.
        counts: Counts its results.
        course: Takes note of a failure or an interruption.
        is_stopped: Whether no further call is started.
        left_ends: Whether it was stopped while nothing but ends was waited for.
        readings: How many readings of block files were told of.
    """

    run: Run
    counts: RunCounts
    course: Course
    is_stopped: bool = False
    left_ends: bool = False
    readings: int = 0

    def interrupt(self) -> None:
        """Start no further call, and wait for no end of one."""
        self.left_ends = self.run.is_waiting_for_ends
        self.course.interrupted = self.is_stopped = True
        self.run.drain()
        if not self.left_ends:
            print_error(
                "interrupted: finishing the calls on the wire (again: cutting them off)"
            )

    def fail(self, problem: str) -> None:
        """Start no further call because the ledger can't be read or written."""
        self.is_stopped = True
        self.run.drain()
        if not self.course.failure:
            self.course.failure = problem
            print_error(f"digitro: {problem}; no further call is started")

    def paused_campaigns(self) -> tuple[str, ...]:
        """Return the campaigns that a worker would dial, were they not paused."""
        return self.run.paused_campaigns if isinstance(self.run, Worker) else ()

    def phase(self) -> RunPhase:
        """Return how far the run has come."""
        heeding = heeding_of(self.run)
        self.readings = say_block_readings(heeding, self.readings)
        if self.is_stopped:
            return RunPhase.STOPPING
        if self.run.is_waiting_for_ends:
            return RunPhase.ENDING
        if heeding is not None and heeding.waits_until is not None:
            return RunPhase.WAITING
        return RunPhase.FINISHING if self.run.exhausted else RunPhase.DIALLING


async def take_results(
    client: DigitroClient,
    run: Run,
    counts: RunCounts,
    course: Course,
    *,
    total: int | None,
) -> Exit | None:
    """Take all results, show the progress, and print the summary.

    Args:
        client: The client.
        run: The run.
        counts: Counts the results.
        course: Takes note of a failure or an interruption.
        total: Contacts that the run begins with, None where they are not counted.

    Returns:
        The exit code where the run ended before its end, else None.
    """
    taking = _Taking(run, counts, course)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    with on_interrupt(taking.interrupt, lambda: cut_off(task)):
        course.dialled = True  # or may have, from here on
        try:
            await _iterate(taking, client, total)
        except asyncio.CancelledError:
            course.interrupted = True
            while task.uncancel():
                pass
        for result in run.unread():
            counts.count(result)
    counts.stop()
    ends_anyway()
    statistics = client.statistics()
    for line in (
        *summary_of(counts, statistics.attempts),
        *reasons_of(counts),
        *summary_of_rules(heeding_of(run)),
    ):
        print_line(line)
    return _end(taking, _paused_by_hand(statistics))


async def _iterate(taking: _Taking, client: DigitroClient, total: int | None) -> None:
    counts = taking.counts
    display = RunDisplay(
        counts,
        total,
        client.statistics,
        taking.phase,
        paused_campaigns=taking.paused_campaigns,
        heeding=heeding_of(taking.run),
        whole_caps=_whole_caps(client) if isinstance(taking.run, Worker) else {},
    )
    seconds = seconds_between_looks(len(client.dispatcher.pabx))
    try:
        async with show_progress(display, seconds), taking.run:
            async for result in taking.run:
                counts.count(result)
    except PABXPausedError:
        pass  # the reason of each pause is printed at the end
    except DigitroError as error:
        taking.fail(str(error.args[0]))


def _whole_caps(client: DigitroClient) -> dict[str, list[RateLimit]]:
    """Return the caps of each address as they are configured."""
    caps: dict[str, list[RateLimit]] = {}
    for one in client.dispatcher.pabx:
        if one.rate is not None:
            caps.setdefault(address_of(one.base_url), []).append(one.rate)
    return caps


def _paused_by_hand(statistics: Statistics) -> dict[str, PauseStatus]:
    """Return the pause of each PABX, if every one is paused until ``resume``."""
    pauses = {
        one.name: one.pause
        for one in statistics.pabx.values()
        if one.pause is not None and one.pause.next_try_in is None
    }
    return pauses if len(pauses) == len(statistics.pabx) else {}


def _end(taking: _Taking, pauses: Mapping[str, PauseStatus]) -> Exit | None:
    """Print why the run ended before its end, if it did."""
    course = taking.course
    if course.failure:
        print_error(f"stopped: {course.failure}; the rest was not dialled")
    if taking.left_ends:
        print_error("interrupted: what became of the last calls is not known yet")
    elif course.interrupted:
        print_error("interrupted: the rest was not dialled")
    if course.failure or course.interrupted:
        return course.code(Exit.INCOMPLETE)
    for name, pause in pauses.items():
        print_error(f"paused: {name} ({pause.code}): {pause.text}")
    if pauses:
        if not taking.run.exhausted:
            print_error("the rest was not dialled")
        return Exit.PAUSED
    return None
