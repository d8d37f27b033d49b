"""The SQL that runs once a call, for whole batches.

Rows are handed to SQLite many in one statement: the interpreter's lock is then given
up and asked for again once a statement instead of once a row. There is a statement for
a few numbers of rows only, so that each is compiled once and for all.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Callable
from itertools import chain
from typing import Any, Final

import attrs

from digitro_async.campaign._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.campaign._connection import BAD_VALUES, bad_value
from digitro_async.campaign._jobs import Job, MisfitError
from digitro_async.campaign._state import State, Step, after
from digitro_async.errors import (
    ClaimLostError,
    DigitroError,
    IllegalTransitionError,
)

__all__ = ["write_intents", "write_outcomes"]

_SIZES: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Rows of one statement; rows that are left open are filled with ``_NOBODY``."""

_NOBODY: Final = 0
"""No contact has this number. Neither it nor absent text is None: the driver takes a
dozen times as long to hand over None as a number or a text."""

_CLAIMED, _INTENT = STATE_CODES[State.CLAIMED], STATE_CODES[State.INTENT]
_ACCEPTED, _UNKNOWN = STATE_CODES[State.ACCEPTED], STATE_CODES[State.UNKNOWN]


def _values(row: str, rows: int) -> str:
    return ", ".join([row] * rows)


@attrs.frozen
class _Statement:
    """A change of contacts and the events that tell of it, for one number of rows."""

    change: str
    tell: str


def _intend(rows: int) -> _Statement:
    return _Statement(
        f"""
        UPDATE contact
           SET state = {STATE_CODES[after(State.CLAIMED, Step.INTEND)]},
               attempts = attempts + 1, pabx = new.column2, sent_at = new.column3,
               call_id = NULL, reason = NULL, settled_at = NULL
          FROM (VALUES {_values("(?, ?, ?)", rows)}) AS new
         WHERE contact.number = new.column1 AND contact.state = {_CLAIMED}
        """,  # noqa: S608 - numbers of our own
        f"""
        INSERT INTO event (contact, pabx, at, step)
        SELECT column1, column2, column3, {STEP_CODES[Step.INTEND]}
          FROM (VALUES {_values("(?, ?, ?)", rows)}) WHERE column1 <> {_NOBODY}
        """,  # noqa: S608 - numbers of our own
    )


def _settle(rows: int) -> _Statement:
    return _Statement(
        f"""
        UPDATE contact
           SET state = new.column2, settled_at = new.column4,
               call_id = iif(new.column2 = {_ACCEPTED}, nullif(new.column5, ''), NULL),
               reason = nullif(new.column6, '')
          FROM (VALUES {_values("(?, ?, ?, ?, ?, ?, ?)", rows)}) AS new
         WHERE contact.number = new.column1 AND contact.state = {_INTENT}
        """,  # noqa: S608 - numbers of our own
        f"""
        INSERT INTO event (contact, step, at, call_id, reason, pabx)
        SELECT column1, column3, column4,
               nullif(column5, ''), nullif(column6, ''), column7
          FROM (VALUES {_values("(?, ?, ?, ?, ?, ?, ?)", rows)})
         WHERE column1 <> {_NOBODY}
        """,  # noqa: S608 - numbers of our own
    )


_INTENDS: Final = {rows: _intend(rows) for rows in _SIZES}
_SETTLES: Final = {rows: _settle(rows) for rows in _SIZES}

_KNOWN_ID: Final = "SELECT 1 FROM contact WHERE pabx = ? AND call_id = ?"


def write_intents(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Write intents: rows of number, PABX, time."""
    _write(connection, jobs, _INTENDS, _write_intent)


def write_outcomes(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Write outcomes: rows of number, state, step, time, call id, reason, PABX.

    The call id and the reason are empty where there is none.

    An acceptance with a call id that the PABX gave before becomes unknown; the id
    stands in its event.
    """
    _write(connection, jobs, _SETTLES, _write_outcome)
    for job in jobs:
        if job.error is None:
            job.result = STATES[job.row[1]]


def _write(
    connection: sqlite3.Connection,
    jobs: list[Job],
    statements: dict[int, _Statement],
    write_one: Callable[[sqlite3.Connection, Job], DigitroError | None],
) -> None:
    """Write all rows together; a single one says what is wrong with it."""
    if len(jobs) > 1:
        if not _all_fit(connection, jobs, statements):
            raise MisfitError
        return
    (job,) = jobs
    try:
        job.error = write_one(connection, job)
    except BAD_VALUES as error:
        job.error = bad_value(error)


def _all_fit(
    connection: sqlite3.Connection, jobs: list[Job], statements: dict[int, _Statement]
) -> bool:
    most = _SIZES[-1]
    try:
        for begin in range(0, len(jobs), most):
            piece = jobs[begin : begin + most]
            size = _SIZES[bisect_left(_SIZES, len(piece))]
            values = list(chain.from_iterable(job.row for job in piece))
            values += [_NOBODY] * ((size - len(piece)) * len(piece[0].row))
            statement = statements[size]
            if connection.execute(statement.change, values).rowcount != len(piece):
                return False
            connection.execute(statement.tell, values)
    except BAD_VALUES:
        return False
    return True


def _write_intent(connection: sqlite3.Connection, job: Job) -> DigitroError | None:
    if _write_row(connection, _INTENDS[1], job.row):
        return None
    return ClaimLostError("the contact is not claimed", reason="claim_lost")


def _write_outcome(connection: sqlite3.Connection, job: Job) -> DigitroError | None:
    number, state, _, at, call_id, _, pabx = job.row
    if state == _ACCEPTED and connection.execute(_KNOWN_ID, (pabx, call_id)).fetchone():
        lose, reason = STEP_CODES[Step.LOSE], "repeated_call_id"
        job.row = (number, _UNKNOWN, lose, at, call_id, reason, pabx)
    if _write_row(connection, _SETTLES[1], job.row):
        return None
    return IllegalTransitionError("the contact has no open intent", reason="no_intent")


def _write_row(
    connection: sqlite3.Connection, statement: _Statement, row: tuple[Any, ...]
) -> bool:
    if connection.execute(statement.change, row).rowcount != 1:
        return False
    connection.execute(statement.tell, row)
    return True
