"""LedgerReader: looks at a ledger without owning it, also while a campaign runs."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from digitro_async.campaign import _reading
from digitro_async.campaign._connection import check_kind, problem_of
from digitro_async.campaign._files import printable
from digitro_async.campaign._imports import read_imports
from digitro_async.campaign._migrate import latest_version, version_of
from digitro_async.campaign._state import State
from digitro_async.campaign._values import Entry, Import
from digitro_async.errors import LedgerError, SchemaMismatchError

__all__ = ["PAGE", "LedgerReader"]

_Result = TypeVar("_Result")

PAGE = 1_000
"""Contacts that are read at once when all are shown."""

OLDEST_READ = 2
"""Oldest schema that is read as it is: only the owner brings a file up to date."""


class LedgerReader:
    """Reads a SQLite ledger that another process may be writing.

    Args:
        path: The file.

    Raises:
        LedgerError: On entering, if it is not a ledger that can be read.
        SchemaMismatchError: On entering, if another version made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = printable(path.name)
        self._closed = True
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if not self._path.is_file():
            raise LedgerError(f"there is no {self._name}", reason="no_ledger")
        self._closed = False
        try:
            self.ask(lambda connection: check_kind(connection, self._path))
            self._check_version()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        return self.ask(_reading.count_states)

    def given_up(self, max_attempts: int) -> int:
        """Return how many pending contacts had so many attempts."""
        return self.ask(lambda c: _reading.count_given_up(c, max_attempts))

    def imports(self) -> Sequence[Import]:
        """Return every import that was begun since they are recorded."""
        return self.ask(read_imports)

    def entries(self) -> Iterator[Entry]:
        """Yield every contact, in the order of import."""
        last = 0
        while page := self._page_after(last):
            yield from page
            last = page[-1].number

    def ask(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Return what a query of the file answers.

        Raises:
            LedgerError: If it can't be read.
        """
        try:
            return query(self._connect())
        except sqlite3.Error as error:
            problem = problem_of(error)
        except (ValueError, LookupError) as error:  # its text or it may hold values
            problem = type(error).__name__
        raise LedgerError(f"{self._name} can't be read: {problem}", reason="unreadable")

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise LedgerError(f"{self._name} is not open", reason="closed")
        if self._connection is None:
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
        return self._connection

    def _check_version(self) -> None:
        version = self.ask(version_of)
        if not OLDEST_READ <= version <= latest_version():
            raise SchemaMismatchError(
                f"{self._name} has schema {version}, this library reads "
                f"{OLDEST_READ} to {latest_version()}",
                reason="other_schema",
            )

    def _page_after(self, last: int) -> list[Entry]:
        return self.ask(lambda c: _reading.page_of_entries(c, last, PAGE))
