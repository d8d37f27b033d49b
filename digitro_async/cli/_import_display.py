"""ImportDisplay: what a screen shows while a contact file is read."""

import time
from collections.abc import Callable, Sequence

from digitro_async.cli._figure_words import per_second
from digitro_async.cli._screen_parts import Line, Span, bar, percent
from digitro_async.contacts import ContactFile

__all__ = ["ImportDisplay"]

NOBODY = "nobody is called before the whole file is in the ledger"


class ImportDisplay:
    """Shows how far a contact file is read.

    Args:
        contacts: The file.
        clock: Returns the time in seconds.
    """

    def __init__(
        self, contacts: ContactFile, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._contacts = contacts
        self._clock = clock
        self._began = clock()

    def screen(self, width: int, *, ascii_only: bool) -> Sequence[Line]:
        """Return the lines of a screen of this moment."""
        share, counted, rate = self._figures()
        rows = [Span(f"reading {self._contacts.name}, {rate}"[:width])]
        drawn = bar(share, counted, width, ascii_only=ascii_only)
        return [drawn, rows, [Span(NOBODY[:width], "green")]]

    def line(self) -> Line:
        """Return the same as one line."""
        _, counted, rate = self._figures()
        return [Span(f"reading {self._contacts.name}: {counted}, {rate}; {NOBODY}")]

    def _figures(self) -> tuple[float, str, str]:
        contacts = self._contacts
        share = contacts.bytes_read / max(1, contacts.total_bytes)
        seconds = max(self._clock() - self._began, 1.0)
        counted = f"{contacts.read:,} rows ({percent(min(share, 1.0))})"
        return min(share, 1.0), counted, per_second(round(contacts.read / seconds))
