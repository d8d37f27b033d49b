"""Shows what goes on: a screen on a terminal, plain lines elsewhere.

It is drawn in a thread: a terminal that is stopped (Ctrl-S) or a reader that hangs
would otherwise stop the event loop, and calls on the wire would time out. Whatever
goes wrong with the display, the run goes on.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Protocol

from digitro_async.cli._output import print_error
from digitro_async.cli._screen_parts import Line

__all__ = ["SAMPLE_SECONDS", "Display", "show_progress", "write_plain"]

SAMPLE_SECONDS = 0.25
PLAIN_SECONDS = 5.0
FIRST_PLAIN_SECONDS = 1.0

Showing = Coroutine[object, object, None]


class Display(Protocol):
    """Something that goes on, and can be shown."""

    def screen(self, width: int, *, ascii_only: bool) -> Sequence[Line]:
        """Return the lines of a screen of this moment."""
        ...

    def line(self) -> Line:
        """Return the same as one line."""
        ...


@contextlib.asynccontextmanager
async def show_progress(
    display: Display, seconds: float = SAMPLE_SECONDS
) -> AsyncIterator[None]:
    """Show how something goes on while the block runs.

    Args:
        display: Shows it.
        seconds: Seconds between two looks at it.
    """
    show = _screen_of(display, seconds) or _show_lines(display, seconds, write_plain)
    showing = asyncio.create_task(_unless_it_fails(show))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])


def _screen_of(display: Display, seconds: float) -> Showing | None:
    """Return the coroutine that draws; None where nothing but text can be written."""
    # A process whose stderr was closed before it began has none.
    with contextlib.suppress(Exception):
        if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):
            # rich takes long to load, so it is loaded for a terminal only.
            from digitro_async.cli import _live_table  # noqa: PLC0415 - see above

            console = _live_table.LiveConsole(stderr=True)
            ascii_only = _live_table.is_ascii(console)

            def lines(width: int) -> Sequence[Line]:
                return display.screen(width, ascii_only=ascii_only)

            def write(line: Line) -> None:
                _live_table.write_line(console, line)

            if _live_table.may_draw(console):
                return _live_table.show_screen(lines, console, seconds)
            if console.is_terminal:  # said so by FORCE_COLOR
                return _show_lines(display, seconds, write)
    return None


async def _unless_it_fails(showing: Showing) -> None:
    with contextlib.suppress(Exception):
        await showing


def write_plain(line: Line) -> None:
    """Write a line without colours."""
    print_error("".join(span.text for span in line))


async def _show_lines(
    display: Display, seconds: float, write: Callable[[Line], object]
) -> None:
    last, wait = time.monotonic(), FIRST_PLAIN_SECONDS
    while True:
        await asyncio.sleep(min(seconds, wait))
        line = display.line()
        rest = getattr(display, "plain_seconds", None)
        if time.monotonic() - last >= (wait if rest is None else rest):
            last, wait = time.monotonic(), PLAIN_SECONDS
            await asyncio.to_thread(write, line)
