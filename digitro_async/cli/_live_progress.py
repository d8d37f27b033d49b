"""Progress of a list: a live table on a terminal, plain lines elsewhere.

It is drawn in a thread: a terminal that is stopped (Ctrl-S) or a reader that hangs
would otherwise stop the event loop, and calls on the wire would time out. Whatever
goes wrong with the display, the run goes on.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine

import attrs

from digitro_async.cli._counts import RunCounts
from digitro_async.cli._output import print_error
from digitro_async.dispatch import Statistics

__all__ = ["show_progress"]

PLAIN_SECONDS = 5.0

Rows = list[tuple[str, str]]
Showing = Coroutine[object, object, None]


@attrs.frozen
class _Progress:
    counts: RunCounts
    left: Callable[[], float]
    statistics: Callable[[], Statistics]

    def rows(self) -> Rows:
        statistics = self.statistics()
        rows = [
            ("settled", f"{self.counts.settled}"),
            ("rate", f"{statistics.rate:.1f}/s"),
            ("in flight", f"{statistics.in_flight}"),
            *(
                (outcome.value, f"{count}")
                for outcome, count in sorted(self.counts.outcomes.items())
            ),
        ]
        if self.counts.rejected_rows:
            rows.append(("rejected rows", f"{self.counts.rejected_rows}"))
        rows.extend(
            (f"{one.name} paused", one.paused)
            for one in statistics.pabx.values()
            if one.paused
        )
        rows.append(("time left", _duration(self._seconds_left(statistics.rate))))
        return rows

    def _seconds_left(self, rate: float) -> float | None:
        return max(0.0, self.left()) / rate if rate else None


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.asynccontextmanager
async def show_progress(
    counts: RunCounts,
    left: Callable[[], float],
    statistics: Callable[[], Statistics],
) -> AsyncIterator[None]:
    """Show how a list goes on while the block runs.

    Args:
        counts: Outcomes so far.
        left: Returns how many contacts are left.
        statistics: Returns the counts of the client at this moment.
    """
    progress = _Progress(counts, left, statistics)
    show = _table_of(progress) or _show_lines(progress)
    showing = asyncio.create_task(_unless_it_fails(show))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])


def _table_of(progress: _Progress) -> Showing | None:
    """Return the table's coroutine; None where none can be drawn."""
    # A process whose stderr was closed before it began has none.
    with contextlib.suppress(Exception):
        if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):
            # rich takes long to load, so it is loaded for a terminal only.
            from digitro_async.cli import _live_table  # noqa: PLC0415 - see above

            console = _live_table.LiveConsole(stderr=True)
            if _live_table.may_draw(console):
                return _live_table.show_table(progress.rows, console)
    return None


async def _unless_it_fails(showing: Showing) -> None:
    with contextlib.suppress(Exception):
        await showing


async def _show_lines(progress: _Progress) -> None:
    while True:
        await asyncio.sleep(PLAIN_SECONDS)
        line = "  ".join(f"{name} {value}" for name, value in progress.rows())
        await asyncio.to_thread(print_error, line)
