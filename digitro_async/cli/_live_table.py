"""Draws the screen of a run on a terminal over itself, and coloured lines elsewhere."""

import asyncio
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from digitro_async.cli._screen_parts import Line

__all__ = [
    "LiveConsole",
    "draw",
    "is_ascii",
    "may_draw",
    "show_screen",
    "text_of",
    "write_line",
]

FIRST_SECONDS = 0.2


class LiveConsole(Console):
    """A console whose reader may go away; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Show nothing from now on."""
        self.quiet = True


def may_draw(console: Console) -> bool:
    """Whether a console can draw over its own lines: a terminal that is no dumb one.

    ``FORCE_COLOR`` makes rich take any stream for a terminal. It asks for colours, and
    not for movements of a cursor that a log would keep.
    """
    is_tty = bool(getattr(console.file, "isatty", bool)())
    return is_tty and console.is_terminal and not console.is_dumb_terminal


def is_ascii(console: Console) -> bool:
    """Whether a console shows ASCII alone."""
    return not console.encoding.startswith("utf")


async def show_screen(
    lines: Callable[[int], Sequence[Line]], console: Console, seconds: float
) -> None:
    """Draw lines for the width of the terminal again and again, until cancelled."""
    await asyncio.sleep(FIRST_SECONDS)  # a short import would only flash
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            width, height = console.size
            shown = lines(width)[: max(1, height - 1)]
            await asyncio.to_thread(draw, live, shown)
            await asyncio.sleep(seconds)


def draw(live: Live, lines: Sequence[Line]) -> None:
    """Draw lines once."""
    live.update(Text("\n").join(text_of(line) for line in lines), refresh=True)


def write_line(console: Console, line: Line) -> None:
    """Write a line once, with its colours and without a movement of the cursor."""
    console.print(text_of(line), soft_wrap=True)


def text_of(line: Line) -> Text:
    """Return a line as rich's text; nothing in it is read as markup."""
    return Text.assemble(*((span.text, span.style) for span in line))
