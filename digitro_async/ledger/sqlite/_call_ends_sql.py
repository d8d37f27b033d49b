"""SQL that writes the ends of calls: what became of what a PABX took.

Ends are handed to SQLite many in one statement, as intents and outcomes are; see
``_batch_sql``.
"""

import sqlite3
import time
from bisect import bisect_left
from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from digitro_async.call_events import Disposition
from digitro_async.ledger._codes import DISPOSITION_CODES
from digitro_async.ledger._records import ClaimOwner
from digitro_async.ledger._stored_ends import END_VALUES
from digitro_async.ledger._write_jobs import BatchConflictError, Job
from digitro_async.ledger.sqlite._batch_sql import PADDING
from digitro_async.ledger.sqlite._call_ends_queries import GETS_END
from digitro_async.ledger.sqlite._connections import BAD_VALUES, bad_value

__all__ = ["expect_ends", "forget_end", "write_ends"]

_SIZES: Final = (1, 4, 16, 64, 256)
"""Rows of one statement; rows that are left open are filled with ``PADDING``."""

_NONE_SEEN = DISPOSITION_CODES[Disposition.NONE_SEEN]

_ROW = f"({', '.join('?' * (3 + len(END_VALUES)))})"

_NEXT_TOLD = (
    "1 + max((SELECT ifnull(max(told), 0) FROM call_end), ifnull((SELECT"
    " CAST(value AS INTEGER) FROM setting WHERE name = 'last_told'), 0))"
)
"""SQL: the number under which a statement tells of ends."""

# No text is empty and no time is 0, so both stand for what is not there: the driver
# takes a dozen times as long to hand over None.
_INSERT: Final = {
    rows: f"""
    INSERT INTO call_end (intent, contact, {", ".join(END_VALUES)}, told)
    SELECT contact.intent, contact.number, column4, nullif(column5, ''),
           nullif(column6, 0), nullif(column7, 0), nullif(column8, 0),
           nullif(column9, 0), nullif(column10, ''), column11,
           {_NEXT_TOLD}
      FROM (VALUES {", ".join([_ROW] * rows)})
     CROSS JOIN contact ON contact.number = column1
     WHERE {GETS_END} AND contact.intent IS NOT NULL
       AND contact.pabx = column2 AND contact.call_id IS nullif(column3, '')
        ON CONFLICT (intent) DO UPDATE
       SET {", ".join(f"{one} = excluded.{one}" for one in (*END_VALUES, "told"))}
     WHERE disposition = {_NONE_SEEN} AND excluded.disposition <> {_NONE_SEEN}
    """  # noqa: S608 - numbers and names of our own
    for rows in _SIZES
}


def write_ends(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Write the ends of calls; one that no contact waits for changes nothing."""
    most = _SIZES[-1]
    connection.execute("SAVEPOINT ends")
    try:
        for begin in range(0, len(jobs), most):
            _write_rows(connection, [job.row for job in jobs[begin : begin + most]])
    except BAD_VALUES as error:
        if len(jobs) > 1:
            raise BatchConflictError from None
        connection.execute("ROLLBACK TO ends")
        jobs[0].error = bad_value(error)
    connection.execute("RELEASE ends")


def _write_rows(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    size = _SIZES[bisect_left(_SIZES, len(rows))]
    values = list(chain.from_iterable(rows))
    values += [PADDING] * ((size - len(rows)) * len(rows[0]))
    connection.execute(_INSERT[size], values)


def expect_ends(
    connection: sqlite3.Connection, owner: ClaimOwner, timeouts: Mapping[str, float]
) -> None:
    """Note that an owner hears of the ends of its calls."""
    now = time.time()
    connection.execute(  # its lease begins when it claims
        "INSERT INTO owner (id, label, began_at, lease_until) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO NOTHING",
        (owner.id, owner.label, now, now),
    )
    connection.executemany(
        "INSERT INTO listening (owner, pabx, timeout)"
        " SELECT number, ?, ? FROM owner WHERE id = ?"
        " ON CONFLICT (owner, pabx) DO UPDATE SET timeout = excluded.timeout",
        [(pabx, timeout, owner.id) for pabx, timeout in timeouts.items()],
    )


def forget_end(connection: sqlite3.Connection, number: int) -> None:
    """Forget the end of a contact's last call: it was another one's, perhaps."""
    connection.execute(
        "DELETE FROM call_end"
        " WHERE intent = (SELECT intent FROM contact WHERE number = ?)",
        (number,),
    )
