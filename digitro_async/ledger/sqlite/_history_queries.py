"""Queries of what a ledger's file tells of the past."""

import sqlite3
from collections.abc import Collection
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    RecordFence,
    StepRecord,
)
from digitro_async.ledger._state import State, Step
from digitro_async.ledger._stored_records import ends_of, listed_of, steps_of
from digitro_async.ledger.sqlite._call_ends_queries import (
    ENDS_BEHIND,
    has_ends,
    has_told,
)
from digitro_async.ledger.sqlite._schedule_queries import has_schedule

__all__ = [
    "HISTORY_PAGE",
    "count_told",
    "list_contacts",
    "list_waiting",
    "page_of_ends",
    "page_of_steps",
    "read_fence",
]

HISTORY_PAGE: Final = 2_000
"""Steps or ends that are read at once. A longer read keeps the log of the file from
being taken over into it."""

_EVIDENCE: Final = (
    f"({STEP_CODES[Step.RECONCILE_ACCEPTED]}, {STEP_CODES[Step.RECONCILE_NOT_PLACED]})"
)
"""SQL: steps whose reason is text of people."""


_LISTED: Final = (
    "number, line, state, attempts, contact.pabx, reason, ifnull(settled_at, sent_at),"
    " destination"
)


_END = (
    "call_end.contact, event.pabx, event.at, disposition,"
    " rang_at, answered_at, ended_at"
)

_ENDS: Final = (
    f"SELECT {_END}, told, intent FROM {ENDS_BEHIND}"  # noqa: S608 - ours
    "  JOIN event ON event.sequence = call_end.intent ORDER BY told, intent LIMIT ?"
)

# The same of a schema that does not keep in which order they were told.
_ENDS_IN_ORDER: Final = (
    f"SELECT {_END}, 0, intent"  # noqa: S608 - ours
    "  FROM call_end JOIN event ON event.sequence = call_end.intent"
    " WHERE intent > ? ORDER BY intent LIMIT ?"
)


def page_of_steps(connection: sqlite3.Connection, after: int) -> list[StepRecord]:
    """Return steps with sequence numbers above ``after``."""
    rows = connection.execute(
        "SELECT sequence, contact, step, at, pabx,"  # noqa: S608 - ours
        f"       iif(step IN {_EVIDENCE}, NULL, reason)"
        "  FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?",
        (after, HISTORY_PAGE),
    )
    return steps_of(rows)


def page_of_ends(
    connection: sqlite3.Connection, after: tuple[int, int]
) -> list[EndRecord]:
    """Return the ends of calls whose places are behind another one."""
    if not has_ends(connection):
        return []
    told, intent = after
    if has_told(connection):
        most = HISTORY_PAGE
        rows = connection.execute(_ENDS, (told, intent, most, told, most, most))
    else:
        rows = connection.execute(_ENDS_IN_ORDER, (intent, HISTORY_PAGE))
    return ends_of(rows)


def count_told(connection: sqlite3.Connection, until: int) -> int:
    """Return how many ends there are that were told at a place or before it."""
    if not has_ends(connection):
        return 0
    where = " WHERE told <= ?" if has_told(connection) else ""
    (count,) = connection.execute(
        f"SELECT count(*) FROM call_end{where}",  # noqa: S608 - ours
        (until,) if where else (),
    ).fetchone()
    return int(count)


def read_fence(connection: sqlite3.Connection) -> RecordFence:
    """Return the places of the last step and of the last end."""
    (step,) = connection.execute("SELECT max(sequence) FROM event").fetchone()
    told = None
    if has_ends(connection) and has_told(connection):
        (told,) = connection.execute("SELECT max(told) FROM call_end").fetchone()
    return RecordFence(step or 0, told or 0)


def list_contacts(
    connection: sqlite3.Connection, states: Collection[State], limit: int
) -> list[ListedContact]:
    """Return the first contacts that are in one of some states."""
    codes = ", ".join(str(STATE_CODES[state]) for state in states)
    rows = connection.execute(
        f"SELECT {_LISTED}, NULL, NULL"  # noqa: S608 - our own numbers
        "  FROM contact LEFT JOIN person USING (number)"
        f" WHERE state IN ({codes}) ORDER BY number LIMIT ?",
        (limit,),
    )
    return [listed_of(row) for row in rows]


def list_waiting(
    connection: sqlite3.Connection, now: float, limit: int
) -> list[ListedContact]:
    """Return the pending contacts that wait, the first that is due first."""
    if not has_schedule(connection):
        return []
    rows = connection.execute(
        f"SELECT {_LISTED}, due, kind"  # noqa: S608 - ours
        "  FROM wait JOIN contact ON contact.number = wait.contact"
        "  LEFT JOIN person USING (number)"
        " WHERE due > ? AND state = ? ORDER BY due, number LIMIT ?",
        (now, STATE_CODES[State.PENDING], limit),
    )
    return [listed_of(row) for row in rows]
