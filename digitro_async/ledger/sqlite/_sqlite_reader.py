"""SQLiteLedgerReader: reads a ledger file, also while its owner writes to it."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from digitro_async._common.text import printable
from digitro_async.errors import LedgerError, SchemaMismatchError
from digitro_async.ledger._call_ends_port import EndCounts
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    RecordFence,
    StepRecord,
)
from digitro_async.ledger._provenance import (
    PROVENANCE,
    Provenance,
    why_not_dialled,
)
from digitro_async.ledger._records import ContactRecord, Import
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State
from digitro_async.ledger.sqlite import _history_queries, _queries
from digitro_async.ledger.sqlite._call_ends_queries import count_ends
from digitro_async.ledger.sqlite._connections import (
    check_kind,
    connect_to_read,
    problem_of,
)
from digitro_async.ledger.sqlite._descriptors import Descriptor, hold
from digitro_async.ledger.sqlite._imports_sql import read_imports
from digitro_async.ledger.sqlite._ledger_files import check_names
from digitro_async.ledger.sqlite._migrations import latest_version, version_of
from digitro_async.ledger.sqlite._owner_lock import read_mark
from digitro_async.ledger.sqlite._waits_sql import count_waiting
from digitro_async.ledger.sqlite._wholeness import check_whole

__all__ = ["PAGE", "SQLiteLedgerReader"]

_Result = TypeVar("_Result")

PAGE = 1_000
"""Contacts that are read at once when all are shown."""

OLDEST_READ = 2
"""Oldest schema that is read as it is: only the owner brings a file up to date."""


class SQLiteLedgerReader:
    """Reads a SQLite ledger that another process may be writing.

    Args:
        path: The file.
        accept_loss: Whether it is read though a part of its record is missing.
        is_owner: Whether its owner reads, who knows by which name it is open.

    Raises:
        LedgerError: On entering, if it is not a ledger that can be read, or one that
            has another name: its newest part would stand beside that one.
        SchemaMismatchError: On entering, if another version made it.
    """

    def __init__(
        self, path: Path, *, accept_loss: bool = False, is_owner: bool = False
    ) -> None:
        self._is_owner = is_owner
        self._path = path
        self._name = printable(path.name)
        self._accept_loss = accept_loss
        self._closed = True
        self._descriptor: Descriptor | None = None
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        self._check_there()
        self._path = self._path.resolve()
        if not self._is_owner:
            check_names(self._path)
        # Read first: the ledger itself is never behind it.
        mark = read_mark(self._path)
        self._closed = False
        try:
            self._hold()
            self.ask(lambda connection: check_kind(connection, self._path))
            self._check_version()
            if not self._accept_loss:
                self.ask(lambda connection: check_whole(connection, self._path, mark))
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
        if self._descriptor is not None:
            self._descriptor.let_go()
            self._descriptor = None

    def why_not_dialled(self) -> str:
        """Return why it may not be dialled; else no text."""
        setting = self.ask(lambda c: _queries.read_setting(c, PROVENANCE))
        return why_not_dialled(Provenance.of_setting(setting), self._name)

    def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        return self.ask(_queries.count_states)

    def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts are out of attempts."""
        return self.ask(lambda c: _queries.count_exhausted_rows(c, max_attempts))

    def count_ends(self) -> EndCounts:
        """Return how many calls ended how, since that is kept."""
        return self.ask(count_ends)

    def waiting(self, now: float, max_attempts: int | None = None) -> WaitCounts:
        """Return how many pending contacts wait, and until when."""
        return self.ask(lambda c: count_waiting(c, now, max_attempts))

    def imports(self) -> Sequence[Import]:
        """Return every import that was begun since they are recorded."""
        return self.ask(read_imports)

    def entries(self) -> Iterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        last = 0
        while page := self._page_after(last):
            yield from page
            last = page[-1].number

    def steps(self, after: int = 0) -> Iterator[StepRecord]:
        """Yield every step that was recorded, in order."""
        while page := self.ask(_page_of_steps(after)):
            yield from page
            after = page[-1].sequence

    def ends(self, after: tuple[int, int] = (0, 0)) -> Iterator[EndRecord]:
        """Yield the end of every call that has one, since that is kept."""
        while page := self.ask(_page_of_ends(after)):
            yield from page
            after = page[-1].told, page[-1].intent

    def count_told(self, until: int) -> int:
        """Return how many ends there are that were told at a place or before it."""
        return self.ask(lambda c: _history_queries.count_told(c, until))

    def fence(self) -> RecordFence:
        """Return up to where something is recorded: one at a time writes to a file."""
        return self.ask(_history_queries.read_fence)

    def list_contacts(
        self, states: Collection[State], limit: int
    ) -> Sequence[ListedContact]:
        """Return the first contacts that are in one of some states."""
        return self.ask(lambda c: _history_queries.list_contacts(c, states, limit))

    def list_waiting(self, now: float, limit: int) -> Sequence[ListedContact]:
        """Return the pending contacts that wait, the first that is due first."""
        return self.ask(lambda c: _history_queries.list_waiting(c, now, limit))

    def ask(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Return the answer to a query of the file.

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

    def look(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Open the file for one query, and return the answer.

        Raises:
            LedgerError: If it can't be read.
        """
        with self:
            return self.ask(query)

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise LedgerError(
                f'{self._name} is not open: use its reader inside of its "with" block',
                reason="closed",
            )
        if self._connection is None:
            self._connection = connect_to_read(self._path)
        return self._connection

    def _check_there(self) -> None:
        problem = f"there is no {self._name}: name a ledger that was dialled"
        reason = "no_ledger"
        try:
            if self._path.is_file():
                return
        except OSError as error:
            problem = f"{self._name} can't be read: {error.strerror}"
            reason = "unreadable"
        raise LedgerError(problem, reason=reason)

    def _hold(self) -> None:
        try:
            self._descriptor = hold(self._path)
        except OSError as error:
            problem = error.strerror
        else:
            return
        raise LedgerError(f"{self._name} can't be read: {problem}", reason="unreadable")

    def _check_version(self) -> None:
        version = self.ask(version_of)
        if not OLDEST_READ <= version <= latest_version():
            raise SchemaMismatchError(
                f"{self._name} has schema {version}, this library reads "
                f"{OLDEST_READ} to {latest_version()}",
                reason="other_schema",
            )

    def _page_after(self, last: int) -> list[ContactRecord]:
        return self.ask(lambda c: _queries.page_of_entries(c, last, PAGE))


def _page_of_steps(after: int) -> Callable[[sqlite3.Connection], list[StepRecord]]:
    return lambda connection: _history_queries.page_of_steps(connection, after)


def _page_of_ends(
    after: tuple[int, int],
) -> Callable[[sqlite3.Connection], list[EndRecord]]:
    return lambda connection: _history_queries.page_of_ends(connection, after)
