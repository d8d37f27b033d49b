"""SQL about contacts that wait, for whoever reads or changes contacts at all."""

import sqlite3
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, WAIT_CODES, WAITS
from digitro_async.ledger._records import WaitKind
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State
from digitro_async.ledger.sqlite._migrations import version_of

__all__ = [
    "IS_DUE",
    "JOINED_WAITS",
    "NO_WAIT_COLUMNS",
    "WAIT_COLUMNS",
    "count_waiting",
    "has_attempts",
    "has_schedule",
    "has_waits",
    "wait_again",
]

_KEEPS_SCHEDULE = 7
_PENDING = STATE_CODES[State.PENDING]

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


def count_waiting(connection: sqlite3.Connection, now: float) -> WaitCounts:
    """Return how many pending contacts wait, and until when; see ``Schedule``."""
    kinds: dict[WaitKind, int] = {}
    reasons: dict[str, int] = {}
    next_due: float | None = None
    if not has_schedule(connection):
        return WaitCounts(kinds=kinds, reasons=reasons, next_due=next_due)
    rows = connection.execute(
        "SELECT kind, iif(kind = ?, ifnull(contact.reason, ''), ''), count(*), min(due)"
        "  FROM wait JOIN contact ON contact.number = wait.contact"
        " WHERE due > ? AND contact.state = ? GROUP BY 1, 2",
        (WAIT_CODES[WaitKind.DEFERRED], now, _PENDING),
    )
    for code, reason, count, first in rows:
        kind = WAITS[code]
        kinds[kind] = kinds.get(kind, 0) + count
        if kind is WaitKind.DEFERRED:
            reasons[reason] = count
        next_due = first if next_due is None else min(next_due, first)
    return WaitCounts(kinds=kinds, reasons=reasons, next_due=next_due)
