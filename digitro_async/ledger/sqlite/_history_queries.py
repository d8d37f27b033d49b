"""Queries of what a ledger's file tells of the past."""

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any, Final

from digitro_async.ledger._codes import (
    DISPOSITIONS,
    STATE_CODES,
    STATES,
    STEP_CODES,
    STEPS,
    WAITS,
)
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    StepRecord,
)
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.sqlite._call_ends_queries import has_ends
from digitro_async.ledger.sqlite._schedule_queries import has_schedule
from digitro_async.privacy import Personal

__all__ = [
    "HISTORY_PAGE",
    "list_contacts",
    "list_waiting",
    "page_of_ends",
    "page_of_steps",
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


def page_of_steps(connection: sqlite3.Connection, after: int) -> list[StepRecord]:
    """Return steps with sequence numbers above ``after``."""
    rows = connection.execute(
        "SELECT sequence, contact, step, at, pabx,"  # noqa: S608 - ours
        f"       iif(step IN {_EVIDENCE}, NULL, reason)"
        "  FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?",
        (after, HISTORY_PAGE),
    )
    return [
        StepRecord(sequence, contact, STEPS[step], at, pabx, reason)
        for sequence, contact, step, at, pabx, reason in rows
    ]


def page_of_ends(
    connection: sqlite3.Connection, after: int
) -> tuple[list[EndRecord], int]:
    """Return ends of calls whose intents have numbers above ``after``, and the last."""
    if not has_ends(connection):
        return [], after
    rows = connection.execute(
        "SELECT intent, call_end.contact, event.pabx, event.at, disposition,"
        "       rang_at, answered_at, ended_at"
        "  FROM call_end JOIN event ON event.sequence = call_end.intent"
        " WHERE intent > ? ORDER BY intent LIMIT ?",
        (after, HISTORY_PAGE),
    ).fetchall()
    ends = [
        EndRecord(contact, pabx or "", at, DISPOSITIONS[code], rang, answered, ended)
        for _, contact, pabx, at, code, rang, answered, ended in rows
    ]
    return ends, rows[-1][0] if rows else after


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
    return _listed(rows)


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
    return _listed(rows)


def _listed(rows: Iterable[tuple[Any, ...]]) -> list[ListedContact]:
    return [
        ListedContact(
            number=number,
            line=line,
            state=STATES[state],
            attempts=attempts,
            pabx=pabx,
            reason=reason,
            at=at,
            destination=None if destination is None else Personal(destination),
            due=due,
            wait=None if kind is None else WAITS[kind],
        )
        for (
            number,
            line,
            state,
            attempts,
            pabx,
            reason,
            at,
            destination,
            due,
            kind,
        ) in rows
    ]
