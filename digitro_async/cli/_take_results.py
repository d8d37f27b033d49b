"""Takes the results of a run, and ends well after any error or signal."""

import asyncio
from collections.abc import Callable, Mapping

import attrs

from digitro_async.campaign import CampaignRun
from digitro_async.cli._command_loop import cut_off, on_interrupt
from digitro_async.cli._counts import RunCounts, summary_of
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._interrupts import ends_anyway
from digitro_async.cli._live_progress import show_progress
from digitro_async.cli._output import print_error, print_line
from digitro_async.client import DigitroClient
from digitro_async.dispatch import Statistics
from digitro_async.errors import DigitroError, PABXPausedError
from digitro_async.models import CallResult

__all__ = ["take_results"]


@attrs.define
class _Taking:
    """Counts the results of a run, and stops it."""

    run: CampaignRun
    counts: RunCounts
    course: Course
    meanings: dict[str, str] = attrs.field(factory=dict)

    def interrupt(self) -> None:
        """Start no further call."""
        self.course.interrupted = True
        self.run.drain()
        print_error(
            "interrupted: finishing the calls on the wire (again: cutting them off)"
        )

    def fail(self, problem: str) -> None:
        """Start no further call because the ledger can't be read or written."""
        self.run.drain()
        if not self.course.failure:
            self.course.failure = problem
            print_error(f"digitro: {problem}; no further call is started")

    def count(self, result: CallResult) -> None:
        """Count the result of one contact."""
        self.counts.outcomes[result.outcome] += 1
        if result.error is not None:
            self.meanings[result.error.reason] = str(result.error.args[0])


async def take_results(
    client: DigitroClient,
    run: CampaignRun,
    counts: RunCounts,
    course: Course,
    *,
    left: Callable[[], float],
) -> Exit | None:
    """Take all results, show the progress, and print the summary.

    Args:
        client: The client.
        run: The run.
        counts: Counts the results.
        course: Takes note of a failure or an interruption.
        left: Returns how many contacts are left.

    Returns:
        The exit code where the run ended before its end, else None.
    """
    taking = _Taking(run, counts, course)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    with on_interrupt(taking.interrupt, lambda: cut_off(task)):
        course.dialled = True  # or may have, from here on
        try:
            await _iterate(taking, client, left)
        except asyncio.CancelledError:
            course.interrupted = True
            while task.uncancel():
                pass
        for result in run.unread():
            taking.count(result)
    ends_anyway()
    needs_resume = _paused_by_hand(client.statistics())
    for name, value in summary_of(counts):
        print_line(f"{name:<16}{value}")
    return _end(taking, needs_resume)


async def _iterate(
    taking: _Taking, client: DigitroClient, left: Callable[[], float]
) -> None:
    try:
        async with show_progress(taking.counts, left, client.statistics), taking.run:
            async for result in taking.run:
                taking.count(result)
    except PABXPausedError:
        pass  # the reason of each pause is printed at the end
    except DigitroError as error:
        taking.fail(str(error.args[0]))


def _paused_by_hand(statistics: Statistics) -> dict[str, str]:
    """Return the reason of each pause, if every PABX is paused until ``resume``."""
    reasons = {
        one.name: one.paused
        for one in statistics.pabx.values()
        if one.paused and one.resumes_in is None
    }
    return reasons if len(reasons) == len(statistics.pabx) else {}


def _end(taking: _Taking, pauses: Mapping[str, str]) -> Exit | None:
    """Print why the run ended before its end, if it did."""
    course = taking.course
    if course.failure:
        print_error(f"stopped: {course.failure}; the rest was not dialled")
    if course.interrupted:
        print_error("interrupted: the rest was not dialled")
    if course.failure or course.interrupted:
        return course.code(Exit.INCOMPLETE)
    for name, reason in pauses.items():
        meaning = taking.meanings.get(reason, "")
        print_error(f"paused: {name} ({reason}) {meaning}".rstrip())
    if pauses:
        if not taking.run.exhausted:
            print_error("the rest was not dialled")
        return Exit.PAUSED
    return None
