"""The two ends of a copy that are SQLite files."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from operator import methodcaller
from pathlib import Path
from typing import TypeVar

from digitro_async._common.text import printable
from digitro_async.errors import LedgerError
from digitro_async.ledger._provenance import PROVENANCE, Provenance
from digitro_async.ledger.sqlite._connections import problem_of
from digitro_async.ledger.sqlite._contacts_sql import write_setting
from digitro_async.ledger.sqlite._database import LedgerDatabase, Opening
from digitro_async.ledger.sqlite._migrations import latest_version, version_of
from digitro_async.ledger.sqlite._owner_lock import lock_path
from digitro_async.ledger.sqlite._owners_sql import recover_all
from digitro_async.ledger.sqlite._queries import read_setting
from digitro_async.ledger.sqlite._sqlite_reader import SQLiteLedgerReader
from digitro_async.ledger.transfer._copied_tables import (
    COPIED_FROM,
    PAGE,
    CopiedTable,
    Page,
)
from digitro_async.ledger.transfer._sqlite_tables import EMPTY, READ, WRITE

__all__ = ["SQLiteEnd", "opened_end", "opened_target", "shown_path", "snapshot_end"]

_Result = TypeVar("_Result")


class SQLiteEnd:
    """A SQLite ledger as the source or the target of a copy.

    Args:
        path: Where it stands.
        connection: To it.
        committed: Called after a commit.

    Attributes:
        has_begun: Whether a copy into it was begun.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self.shown = shown_path(path)
        self.has_begun = False
        self._connection = connection
        self._committed = committed

    def provenance(self) -> Provenance | None:
        """Return why it may not be dialled. See ``CopySource``."""
        return Provenance.of_setting(self.ask(lambda c: read_setting(c, PROVENANCE)))

    def copied_from(self) -> str | None:
        """Return the token of the move that made it. See ``CopyTarget``."""
        return self.ask(lambda c: read_setting(c, COPIED_FROM))

    def rows_before(self) -> int:
        """Return how many contacts, events, imports and blocks it has."""
        (rows,) = self.ask(
            lambda c: c.execute(
                "SELECT (SELECT count(*) FROM contact) + (SELECT count(*) FROM event)"
                " + (SELECT count(*) FROM import) + (SELECT count(*) FROM block)"
            ).fetchone()
        )
        return int(rows)

    def block_key(self) -> bytes | None:
        """Return what its blocked numbers are hashed with. See ``CopySource``."""
        row = self.ask(
            lambda c: c.execute(
                "SELECT key FROM block_key WHERE EXISTS (SELECT 1 FROM block)"
            ).fetchone()
        )
        return None if row is None else bytes(row[0])

    def check_free(self) -> None:
        """Refuse one that is dialled: its lock does. See ``CopySource``."""

    def hold(self, provenance: Provenance) -> None:
        """Keep everybody from dialling it: its lock does. See ``CopySource``."""

    def let_go(self) -> None:
        """Let it be dialled again, once it is closed. See ``CopySource``."""

    def pages(self, table: CopiedTable) -> Generator[Page]:
        """Yield a table's rows in order. See ``CopySource``."""
        cursor = self.ask(lambda c: c.execute(READ[table.name]))
        while page := self.ask(lambda _: cursor.fetchmany(PAGE)):
            yield page

    def set_provenance(self, provenance: Provenance | None) -> None:
        """Note durably whether it may be dialled. See ``CopySource``."""
        self.ask(lambda c: _write_provenance(c, provenance))
        self._committed()

    def begin(self, provenance: Provenance) -> None:
        """Note durably that it is no ledger yet. See ``CopyTarget``."""
        self.has_begun = True
        self.ask(lambda c: _write_provenance(c, provenance))
        self.ask(lambda c: c.execute("BEGIN IMMEDIATE"))
        for statement in EMPTY:
            self.ask(methodcaller("execute", statement))

    def write(self, table: CopiedTable, pages: Iterable[Page]) -> None:
        """Write a table's rows. See ``CopyTarget``."""
        for page in pages:
            self._insert(WRITE[table.name], page)

    def finish(self) -> None:
        """Put all where it belongs: it is there. See ``CopyTarget``."""

    def close_open(self) -> None:
        """Leave that to whoever opens it next, as any does. See ``CopyTarget``."""

    def commit(self, token: str | None, provenance: Provenance | None) -> None:
        """Make all that was written a ledger. See ``CopyTarget``."""

        def finish(connection: sqlite3.Connection) -> None:
            if token is not None:
                write_setting(connection, COPIED_FROM, token)
            _write_provenance(connection, provenance)
            connection.execute("COMMIT")

        self.ask(finish)
        self._committed()

    def commit_change(self) -> None:
        """Make a change durable that leaves alone whether it may be dialled."""
        self.ask(lambda c: c.execute("COMMIT"))
        self._committed()

    def _insert(self, statement: str, page: Page) -> None:
        self.ask(lambda c: c.executemany(statement, page))

    def ask(self, act: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Return the answer of the file.

        Raises:
            LedgerError: If it can't be read or written.
        """
        try:
            return act(self._connection)
        except sqlite3.Error as error:
            problem = problem_of(error)
        raise LedgerError(
            f"{self.shown} can't be read or written: {problem}", reason="copy_failed"
        )


@contextlib.contextmanager
def opened_end(
    path: Path,
    *,
    any_file_system: bool = False,
    accept_loss: bool = False,
    is_there: bool = False,
) -> Iterator[SQLiteEnd]:
    """Own a SQLite ledger while the block runs; make it where it isn't there.

    Args:
        path: The file.
        any_file_system: See ``SQLiteLedger``.
        accept_loss: See ``SQLiteLedger``.
        is_there: Whether it must be there already.

    Raises:
        LedgerInUseError: If somebody owns it.
        LedgerError: If it can't be used.
    """
    opening = Opening(
        synchronous="FULL",
        busy_timeout=5.0,
        any_file_system=any_file_system,
        accept_loss=accept_loss,
        any_provenance=True,
    )
    if is_there and not path.is_file():
        raise LedgerError(
            f"there is no {printable(path.name)}: name a ledger that was dialled",
            reason="no_ledger",
        )
    database = LedgerDatabase(
        path, opening, prepare=lambda connection: recover_all(connection, time.time())
    )
    failure = LedgerError()
    try:
        connection = database.open()
    except sqlite3.Error as error:
        database.close(whole=False)
        failure = LedgerError(
            f"{database.name} can't be opened: {problem_of(error)}", reason="unreadable"
        )
    except BaseException:
        database.close(whole=False)
        raise
    else:
        try:
            yield SQLiteEnd(database.path, connection, database.committed)
        finally:
            try:
                if connection.in_transaction:
                    connection.rollback()
            finally:
                database.close()
        return
    raise failure


@contextlib.contextmanager
def opened_target(path: Path, *, any_file_system: bool = False) -> Iterator[SQLiteEnd]:
    """Own a SQLite ledger that is copied to while the block runs.

    One that was made for it is gone again where no copy was begun.

    Args:
        path: The file.
        any_file_system: See ``SQLiteLedger``.

    Raises:
        LedgerInUseError: If somebody owns it.
        LedgerError: If it can't be used.
    """
    was_there, is_left = path.exists(), False
    try:
        with opened_end(path, any_file_system=any_file_system) as end:
            try:
                yield end
            finally:
                is_left = not was_there and not end.has_begun and not end.rows_before()
    finally:
        if is_left:
            for file in (path, lock_path(path)):
                file.unlink(missing_ok=True)


def shown_path(path: Path) -> str:
    """Return the address of a file as people may see it."""
    return f"sqlite:///{path.resolve()}"


@contextlib.contextmanager
def snapshot_end(path: Path, *, accept_loss: bool = False) -> Iterator[SQLiteEnd]:
    """Read a SQLite ledger as it is at one moment, also while it is dialled.

    Raises:
        LedgerError: If it can't be read.
    """
    with SQLiteLedgerReader(path, accept_loss=accept_loss) as reader:
        connection = reader.ask(lambda connection: connection)
        if reader.ask(version_of) != latest_version():
            raise LedgerError(
                f"{path.name} was made by an earlier version: a command that opens it, "
                'such as "digitro reconcile", brings it up to date first',
                reason="other_schema",
            )
        reader.ask(lambda c: c.execute("BEGIN").execute("SELECT 1 FROM contact"))
        yield SQLiteEnd(path.resolve(), connection)


def _write_provenance(
    connection: sqlite3.Connection, provenance: Provenance | None
) -> None:
    if provenance is None:
        connection.execute("DELETE FROM setting WHERE name = ?", (PROVENANCE,))
    else:
        write_setting(connection, PROVENANCE, provenance.as_setting())
