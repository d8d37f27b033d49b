"""Opens a ledger's file with SQLite, and words its errors."""

import sqlite3
from pathlib import Path

from digitro_async._common.text import printable
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger.sqlite._ledger_files import create_private, make_private

__all__ = [
    "APPLICATION_ID",
    "BAD_VALUES",
    "bad_value",
    "check_kind",
    "check_settings",
    "connect",
    "connect_to_read",
    "problem_of",
    "write_failed",
]

APPLICATION_ID = 0x44474C31
"""Stands in the head of every ledger file: "DGL1"."""

BAD_VALUES = (TypeError, ValueError, OverflowError, sqlite3.IntegrityError)
"""Errors that a row's own values can cause; any other is the database's fault."""

_OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""

_SYNCHRONOUS = {"OFF": 0, "NORMAL": 1, "FULL": 2, "EXTRA": 3}

_PROBLEMS = {
    "SQLITE_BUSY": "another program is writing to it",
    "SQLITE_LOCKED": "another program is writing to it",
    "SQLITE_FULL": "there is no space left",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_IOERR": "the disk failed",
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_NOTADB": "it is not a ledger",
    "SQLITE_CANTOPEN": "it can't be opened",
    "SQLITE_PERM": "it can't be opened",
    "SQLITE_ERROR": "SQLite can't make sense of it",
}


def problem_of(error: sqlite3.Error) -> str:
    """Return the problem in words; never SQLite's own, which may hold values."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    for beginning, problem in _PROBLEMS.items():
        if name.startswith(beginning):
            return f"{problem} ({name})"
    return str(name)


def write_failed(name: str, problem: str) -> LedgerError:
    """Return the error that a write ends in."""
    return LedgerError(f"{name} can't be written: {problem}", reason="write_failed")


def bad_value(error: Exception) -> LedgerError:
    """Return the error for a value that can't stand in a ledger."""
    problem = type(error).__name__
    if isinstance(error, sqlite3.Error):
        problem = problem_of(error)
    return LedgerError(f"a value can't be stored: {problem}", reason="bad_value")


def check_settings(path: Path, synchronous: str, busy_timeout: float) -> None:
    """Refuse settings that make no ledger on a disk.

    Raises:
        ConfigurationError: If a value can't be used.
    """
    if not path.name or path.name == ":memory:":
        raise ConfigurationError(
            "a ledger is a file: give its path", reason="ledger_address"
        )
    if synchronous not in _SYNCHRONOUS:
        raise ConfigurationError(
            "synchronous of a ledger must be FULL, or for tests NORMAL or OFF"
        )
    if not 0 <= busy_timeout <= 3600:  # noqa: PLR2004 - an hour is longer than sane
        raise ConfigurationError("busy_timeout of a ledger must be seconds, 0 to 3600")


def connect(path: Path, synchronous: str, busy_timeout: float) -> sqlite3.Connection:
    """Open the file the way a ledger needs it.

    Nothing is changed in a file that is no ledger.

    Args:
        path: The file; made if it isn't there.
        synchronous: The way in which commits are synced.
        busy_timeout: Seconds to wait for another program that is writing.

    Raises:
        LedgerError: If it is not a ledger, or can't be one here.
        sqlite3.Error: If SQLite says so.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LedgerError(
            f"Python's SQLite is {sqlite3.sqlite_version}; a ledger needs 3.37",
            reason="old_sqlite",
        )
    create_private(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=busy_timeout)
    try:
        check_kind(connection, path)
        make_private(path)
        _set_up(connection, path, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file to read it, beside its writer.

    Raises:
        sqlite3.Error: If SQLite says so.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        # Only now it has its locks.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def check_kind(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database of another program.

    Raises:
        LedgerError: If it is one.
    """
    (kind,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if kind == APPLICATION_ID or (kind == 0 and tables == 0):
        return
    raise LedgerError(
        f"{printable(path.name)} is a database, but not a ledger", reason="not_a_ledger"
    )


def _set_up(connection: sqlite3.Connection, path: Path, synchronous: str) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: through the disk's cache
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -32768")
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    if mode != "wal" or level != _SYNCHRONOUS[synchronous]:
        raise LedgerError(
            f"{printable(path.name)} can't be written safely here: "
            "SQLite refuses a write-ahead log",
            reason="no_wal",
        )
