"""Watches the rows of a contact file for PABX that are not configured."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from digitro_async.cli._output import print_error
from digitro_async.contacts import ContactFile, ContactRow, RejectedRow

__all__ = ["WatchedRows"]

_MOST_LINES = 5


class WatchedRows:
    """A contact file whose rows are watched as they are read.

    Args:
        contacts: The open file.
        known: Names of the PABX that are configured.
        config: The configuration file.
    """

    def __init__(
        self, contacts: ContactFile, known: Collection[str], config: Path
    ) -> None:
        self.name = contacts.name
        self.total_bytes = contacts.total_bytes
        self._contacts = contacts
        self._known = {*known, None}
        self._names = ", ".join(known)
        self._config = config
        self.strangers = 0
        self._lines: list[int] = []

    def __iter__(self) -> Iterator[ContactRow | RejectedRow]:
        return (row for row in self.pieces() if row is not None)

    def content(self) -> Iterable[bytes]:
        """Yield the bytes of the file."""
        return self._contacts.content()

    def pieces(self) -> Iterator[ContactRow | RejectedRow | None]:
        """Yield every row, and None after every long stretch without one."""
        known = self._known
        for row in self._contacts.pieces():
            if type(row) is ContactRow and row.pabx not in known:
                self.strangers += 1
                if len(self._lines) < _MOST_LINES:
                    self._lines.append(row.line)
            yield row

    def is_stranger(self, row: ContactRow) -> bool:
        """Whether a row can't be called, because its PABX is not configured."""
        return row.pabx not in self._known

    def say_strangers(self) -> None:
        """Print which rows can't be called, because their PABX is not configured."""
        if not self.strangers:
            return
        lines = ", ".join(map(str, self._lines))
        more = self.strangers - len(self._lines)
        rows = "row names" if self.strangers == 1 else "rows name"
        print_error(
            f"{self.name}: {self.strangers} {rows} a PABX that is not in "
            f"{self._config} (line {lines}{f' and {more} more' if more else ''}); "
            f"nobody calls them until it is. Valid: {self._names}"
        )
