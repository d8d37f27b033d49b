"""Queries of the ends of calls in a ledger's file."""

import sqlite3
from typing import Final

from digitro_async.ledger._call_ends_port import AwaitedEnd, EndCounts
from digitro_async.ledger._codes import DISPOSITIONS, STATE_CODES
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_ends import END_VALUES
from digitro_async.ledger.sqlite._migrations import version_of

__all__ = [
    "ENDED_STATES",
    "ENDS_BEHIND",
    "END_COLUMNS",
    "GETS_END",
    "JOINED_ENDS",
    "NO_END_COLUMNS",
    "count_ends",
    "has_ends",
    "has_told",
    "read_awaited",
]

_KEEPS_ENDS, _KEEPS_TOLD = 6, 8
_ACCEPTED, _UNKNOWN = STATE_CODES[State.ACCEPTED], STATE_CODES[State.UNKNOWN]
_PENDING = STATE_CODES[State.PENDING]

ENDED_STATES: Final = f"({_ACCEPTED}, {_UNKNOWN})"
"""SQL: the states of contacts whose calls get an end."""

GETS_END: Final = (
    f"(contact.state IN {ENDED_STATES}"
    f" OR (contact.state = {_PENDING} AND contact.call_id IS NOT NULL))"
)
"""SQL: whether a contact's last call gets an end: also where another call was agreed on
while that one went on."""

JOINED_ENDS: Final = (
    f" LEFT JOIN call_end ON contact.state IN {ENDED_STATES}"
    " AND call_end.intent = contact.intent"
)
"""SQL: adds to each contact the end of its last call."""

END_COLUMNS: Final = "".join(f", call_end.{one}" for one in END_VALUES)
NO_END_COLUMNS: Final = ", NULL" * len(END_VALUES)
"""The same of a schema that keeps no ends."""

# The two ways of being behind a place stand apart, so that each goes by the index.
ENDS_BEHIND: Final = (
    "(SELECT * FROM (SELECT * FROM call_end WHERE told = ? AND intent > ?"
    "                 ORDER BY intent LIMIT ?)"
    " UNION ALL"
    " SELECT * FROM (SELECT * FROM call_end WHERE told > ?"
    "                 ORDER BY told, intent LIMIT ?)) AS call_end"
)
"""SQL: the ends of calls behind a place, ``told`` and ``intent``: at least the first of
each way, and in no order."""

_LISTENED: Final = (
    "contact JOIN listening"
    " ON listening.owner = contact.owner AND listening.pabx = contact.pabx"
)
_AWAITED: Final = (
    f"{GETS_END} AND contact.intent IS NOT NULL AND NOT EXISTS"  # noqa: S608 - ours
    " (SELECT 1 FROM call_end WHERE call_end.intent = contact.intent)"
)


def has_ends(connection: sqlite3.Connection) -> bool:
    """Whether the ledger is of a version that keeps the ends of calls."""
    return version_of(connection) >= _KEEPS_ENDS


def has_told(connection: sqlite3.Connection) -> bool:
    """Whether the ledger is of a version that keeps in which order ends were told."""
    return version_of(connection) >= _KEEPS_TOLD


def read_awaited(connection: sqlite3.Connection) -> list[AwaitedEnd]:
    """Return the calls that are to get an end and have none."""
    rows = connection.execute(
        "SELECT number, contact.pabx, call_id, timeout,"  # noqa: S608 - ours
        f"  ifnull(iif(state = {_UNKNOWN}, sent_at, settled_at), 0)"
        f" FROM {_LISTENED} WHERE {_AWAITED} ORDER BY number"
    )
    return [
        AwaitedEnd(
            number=number,
            pabx=pabx,
            call_id=call_id,
            since=since,
            timeout=timeout,
        )
        for number, pabx, call_id, timeout, since in rows
    ]


def count_ends(connection: sqlite3.Connection) -> EndCounts:
    """Return how many calls ended how; of each contact the last call counts."""
    if not has_ends(connection):
        return EndCounts({})
    rows = connection.execute(
        "SELECT disposition, count(*) FROM call_end CROSS JOIN contact"  # noqa: S608 - ours
        " ON contact.number = call_end.contact AND contact.intent = call_end.intent"
        f" WHERE contact.state IN {ENDED_STATES} GROUP BY disposition"
    )
    counts = {DISPOSITIONS[code]: count for code, count in rows}
    (is_heard,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM listening)"
    ).fetchone()
    if not is_heard:  # a million contacts need not be looked at
        return EndCounts(counts)
    (awaited,) = connection.execute(
        f"SELECT count(*) FROM {_LISTENED} WHERE {_AWAITED}"  # noqa: S608 - ours
    ).fetchone()
    return EndCounts(counts, awaited)
