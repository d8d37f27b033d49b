"""SQL about contacts that wait, for whoever reads or changes contacts at all."""

import sqlite3
from typing import Final

from digitro_async.ledger.sqlite._migrations import version_of

__all__ = [
    "IS_DUE",
    "JOINED_WAITS",
    "NO_WAIT_COLUMNS",
    "WAIT_COLUMNS",
    "has_attempts",
    "has_schedule",
    "has_waits",
    "wait_again",
]

_KEEPS_SCHEDULE = 7

IS_DUE: Final = (
    "NOT EXISTS (SELECT 1 FROM wait WHERE wait.contact = contact.number"
    " AND wait.due > ?)"
)
"""SQL: whether a contact waits no more, or never did; takes the time."""

JOINED_WAITS: Final = " LEFT JOIN wait ON wait.contact = contact.number"
"""SQL: adds to each contact what it waits for."""

WAIT_COLUMNS: Final = ", wait.due, wait.kind, ifnull(wait.priority, 0)"
NO_WAIT_COLUMNS: Final = ", NULL, NULL, 0"
"""The same of a schema that keeps no schedule."""


def has_schedule(connection: sqlite3.Connection) -> bool:
    """Whether the ledger is of a version that keeps a schedule."""
    return version_of(connection) >= _KEEPS_SCHEDULE


def has_waits(connection: sqlite3.Connection) -> bool:
    """Whether any contact waits, did, or has a priority."""
    (found,) = connection.execute("SELECT EXISTS (SELECT 1 FROM wait)").fetchone()
    return bool(found)


def has_attempts(connection: sqlite3.Connection) -> bool:
    """Whether any attempt was planned."""
    (found,) = connection.execute("SELECT EXISTS (SELECT 1 FROM attempt)").fetchone()
    return bool(found)


def wait_again(connection: sqlite3.Connection, number: int) -> None:
    """Let a contact that may be pending again be found when it is due."""
    connection.execute("UPDATE wait SET is_over = 0 WHERE contact = ?", (number,))
