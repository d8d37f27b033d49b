"""Progress of a list: a live table on a terminal, plain lines elsewhere.

It is drawn in a thread: a terminal that is stopped (Ctrl-S) or a reader that hangs
would otherwise stop the event loop, and calls on the wire would time out. Whatever
goes wrong with the display, the run goes on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

import attrs
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from digitro_async.cli._output import print_error
from digitro_async.cli._tally import RunCounts
from digitro_async.dispatch import Statistics

__all__ = ["show_progress"]

LIVE_SECONDS = 0.25
PLAIN_SECONDS = 5.0

Rows = list[tuple[str, str]]


@attrs.frozen
class _View:
    tally: RunCounts
    left: Callable[[], float | None]
    statistics: Callable[[], Statistics]

    def rows(self) -> Rows:
        statistics = self.statistics()
        rows = [
            ("settled", f"{self.tally.settled}"),
            ("rate", f"{statistics.rate:.1f}/s"),
            ("in flight", f"{statistics.in_flight}"),
            *(
                (outcome.value, f"{count}")
                for outcome, count in sorted(self.tally.outcomes.items())
            ),
        ]
        if self.tally.rejected_rows:
            rows.append(("rejected rows", f"{self.tally.rejected_rows}"))
        rows.extend(
            (f"{one.name} paused", one.paused)
            for one in statistics.pabx.values()
            if one.paused
        )
        rows.append(("time left", _duration(self._seconds_left(statistics.rate))))
        return rows

    def _seconds_left(self, rate: float) -> float | None:
        left = self.left()
        return None if left is None or not rate else max(0.0, left) / rate


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.asynccontextmanager
async def show_progress(
    tally: RunCounts,
    left: Callable[[], float | None],
    statistics: Callable[[], Statistics],
) -> AsyncIterator[None]:
    """Show how a list goes on while the block runs.

    Args:
        tally: What became of it so far.
        left: Returns how many contacts are left, None where that is not known.
        statistics: What the client is doing.
    """
    view = _View(tally, left, statistics)
    console = _Console(stderr=True)
    on_screen = console.is_terminal and not console.is_dumb_terminal
    show = _show_live(view, console) if on_screen else _show_lines(view)
    showing = asyncio.create_task(_unless_it_fails(show))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])


class _Console(Console):
    """A console whose reader may go away; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Show nothing from now on."""
        self.quiet = True


async def _unless_it_fails(showing: Coroutine[object, object, None]) -> None:
    with contextlib.suppress(Exception):
        await showing


async def _show_live(view: _View, console: Console) -> None:
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.to_thread(_draw, live, view.rows())
            await asyncio.sleep(LIVE_SECONDS)


def _draw(live: Live, rows: Rows) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name), Text(value))  # text alone would be read as markup
    live.update(table, refresh=True)


async def _show_lines(view: _View) -> None:
    while True:
        await asyncio.sleep(PLAIN_SECONDS)
        line = "  ".join(f"{name} {value}" for name, value in view.rows())
        await asyncio.to_thread(print_error, line)
