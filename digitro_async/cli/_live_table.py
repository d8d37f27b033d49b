"""Draws progress on a terminal, as a table that is drawn over itself."""

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

__all__ = ["LIVE_SECONDS", "LiveConsole", "draw", "may_draw", "show_table"]

LIVE_SECONDS = 0.25

Rows = list[tuple[str, str]]


class LiveConsole(Console):
    """A console whose reader may go away; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Show nothing from now on."""
        self.quiet = True


def may_draw(console: Console) -> bool:
    """Whether a console can draw over its own lines."""
    return console.is_terminal and not console.is_dumb_terminal


async def show_table(rows: Callable[[], Rows], console: Console) -> None:
    """Draw rows again and again, until cancelled."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.to_thread(draw, live, rows())
            await asyncio.sleep(LIVE_SECONDS)


def draw(live: Live, rows: Rows) -> None:
    """Draw rows once."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name), Text(value))  # text alone would be read as markup
    live.update(table, refresh=True)
