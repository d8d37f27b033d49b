"""The query of how many contacts of a ledger wait, and until when."""

import sqlite3
from collections.abc import Collection
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, WAIT_CODES, WAITS
from digitro_async.ledger._records import WaitKind
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State
from digitro_async.ledger.sqlite._queries import MAY_TRY, pabx_clause
from digitro_async.ledger.sqlite._schedule_queries import has_schedule

__all__ = ["count_waiting"]

_PENDING: Final = STATE_CODES[State.PENDING]


def count_waiting(
    connection: sqlite3.Connection,
    now: float,
    max_attempts: int | None = None,
    pabx: Collection[str | None] | None = None,
) -> WaitCounts:
    """Return how many pending contacts wait, and until when.

    Args:
        connection: To the ledger.
        now: See ``Schedule.waiting``, as for the others.
        max_attempts: Attempts after which a contact is left out.
        pabx: Only contacts of these PABX.
    """
    kinds: dict[WaitKind, int] = {}
    reasons: dict[str, int] = {}
    next_due: float | None = None
    if not has_schedule(connection):
        return WaitCounts(kinds=kinds, reasons=reasons, next_due=next_due)
    joined, which, values = "", "", list[object]()
    if max_attempts is not None:
        which, values = f" AND {MAY_TRY}", [max_attempts]
    if pabx is not None:
        of_pabx, names = pabx_clause(pabx)
        joined = " JOIN person ON person.number = wait.contact"
        which, values = which + of_pabx, values + names
    rows = connection.execute(
        "SELECT kind, iif(kind = ?, ifnull(contact.reason, ''), ''), count(*), min(due)"  # noqa: S608 - ours
        f"  FROM wait JOIN contact ON contact.number = wait.contact{joined}"
        f" WHERE due > ? AND contact.state = ?{which} GROUP BY 1, 2",
        (WAIT_CODES[WaitKind.DEFERRED], now, _PENDING, *values),
    )
    for code, reason, count, first in rows:
        kind = WAITS[code]
        kinds[kind] = kinds.get(kind, 0) + count
        if kind is WaitKind.DEFERRED:
            reasons[reason] = count
        next_due = first if next_due is None else min(next_due, first)
    return WaitCounts(kinds=kinds, reasons=reasons, next_due=next_due)
