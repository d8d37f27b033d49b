"""Progress of a run: a screen on a terminal, plain lines elsewhere.

It is drawn in a thread: a terminal that is stopped (Ctrl-S) or a reader that hangs
would otherwise stop the event loop, and calls on the wire would time out. Whatever
goes wrong with the display, the run goes on.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

from digitro_async.cli._counts import RunCounts
from digitro_async.cli._output import print_error
from digitro_async.cli._run_view import RunPhase, RunView
from digitro_async.cli._screen_lines import Line, plain_line, screen_lines
from digitro_async.cli._time_left import TimeLeft
from digitro_async.dispatch import Limit, Statistics

__all__ = ["Sampler", "show_progress", "write_plain"]

SAMPLE_SECONDS = 0.25
PLAIN_SECONDS = 5.0
FIRST_PLAIN_SECONDS = 1.0

FEW_PABX = 20
"""Number of PABX up to which every sample is cheap."""

SAMPLES = 8
"""Samples of what holds a PABX back, of which the most frequent one counts."""

Showing = Coroutine[object, object, None]


class Sampler:
    """Takes the views of a run that a screen shows.

    Args:
        counts: Results so far.
        total: Contacts that the run began with.
        statistics: Returns the counts of the client at this moment.
        phase: Returns how far the run has come.
    """

    def __init__(
        self,
        counts: RunCounts,
        total: int,
        statistics: Callable[[], Statistics],
        phase: Callable[[], RunPhase],
    ) -> None:
        self._counts, self._total = counts, total
        self._statistics, self._phase = statistics, phase
        self._time_left = TimeLeft()
        self._limits: dict[str, deque[Limit]] = {}
        self._processor: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def view(self) -> RunView:
        """Return the view of this moment."""
        now, counts, statistics = time.monotonic(), self._counts, self._statistics()
        done = counts.done
        total = max(self._total, done)
        for one in statistics.pabx.values():
            if one.attempts:  # before, nothing holds it back but the start
                recent = self._limits.setdefault(one.name, deque(maxlen=SAMPLES))
                recent.append(one.limit)
        return RunView(
            phase=self._phase(),
            done=done,
            total=total,
            outcomes=dict(counts.outcomes),
            put_back=counts.put_back,
            rejected_rows=counts.rejected_rows,
            pabx=tuple(statistics.pabx.values()),
            limits={
                name: Counter(recent).most_common(1)[0][0]
                for name, recent in self._limits.items()
            },
            waits_for_source=statistics.waits_for_source,
            processor=self._share_of_processor(now),
            time_left=self._time_left.update(
                now, done, total - done, is_down=_is_down(statistics)
            ),
        )

    def _share_of_processor(self, now: float) -> float:
        self._processor.append((now, time.process_time()))
        (began, before), (_, used) = self._processor[0], self._processor[-1]
        return (used - before) / (now - began) if now - began > 1 else 0.0


def _is_down(statistics: Statistics) -> bool:
    """Whether no PABX can be reached."""
    pauses = [one.pause for one in statistics.pabx.values()]
    return all(pause and pause.code == "not_sent_run" for pause in pauses)


@contextlib.asynccontextmanager
async def show_progress(sampler: Sampler, pabx: int) -> AsyncIterator[None]:
    """Show how a run goes on while the block runs.

    Args:
        sampler: Takes its views.
        pabx: Number of PABX.
    """
    seconds = SAMPLE_SECONDS if pabx <= FEW_PABX else 4 * SAMPLE_SECONDS
    show = _screen_of(sampler, seconds) or _show_lines(sampler, seconds, write_plain)
    showing = asyncio.create_task(_unless_it_fails(show))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])


def _screen_of(sampler: Sampler, seconds: float) -> Showing | None:
    """Return the coroutine that draws; None where nothing but text can be written."""
    # A process whose stderr was closed before it began has none.
    with contextlib.suppress(Exception):
        if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):
            # rich takes long to load, so it is loaded for a terminal only.
            from digitro_async.cli import _live_table  # noqa: PLC0415 - see above

            console = _live_table.LiveConsole(stderr=True)
            ascii_only = _live_table.is_ascii(console)

            def lines(width: int) -> Sequence[Line]:
                return screen_lines(sampler.view(), width, ascii_only=ascii_only)

            if _live_table.may_draw(console):
                return _live_table.show_screen(lines, console, seconds)
            if console.is_terminal:  # said so by FORCE_COLOR
                return _show_lines(
                    sampler,
                    seconds,
                    lambda line: _live_table.write_line(console, line),
                )
    return None


async def _unless_it_fails(showing: Showing) -> None:
    with contextlib.suppress(Exception):
        await showing


def write_plain(line: Line) -> None:
    """Write a line without colours."""
    print_error("".join(span.text for span in line))


async def _show_lines(
    sampler: Sampler, seconds: float, write: Callable[[Line], object]
) -> None:
    last, wait = time.monotonic(), FIRST_PLAIN_SECONDS
    while True:
        await asyncio.sleep(min(seconds, wait))
        view = sampler.view()
        if time.monotonic() - last >= wait:
            last, wait = time.monotonic(), PLAIN_SECONDS
            await asyncio.to_thread(write, plain_line(view))
