"""The SQL that runs once a call, for whole batches.

Rows are handed to SQLite many in one statement: the interpreter's lock is then given
up and asked for again once a statement instead of once a row. Events are told first,
and the contacts are changed by what the events say, so each value is handed over once.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Callable
from itertools import chain
from typing import Any, Final

import attrs

from digitro_async.errors import DigitroError, IllegalTransitionError
from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._records import storable
from digitro_async.ledger._state import (
    TRANSITIONS,
    State,
    Step,
    claim_lost,
    next_state,
)
from digitro_async.ledger._write_jobs import (
    ACCEPTANCES,
    OUTCOMES,
    BatchConflictError,
    Job,
    OnDone,
)
from digitro_async.ledger.sqlite._attempts_sql import KNOWN_EARLIER
from digitro_async.ledger.sqlite._connections import BAD_VALUES, bad_value
from digitro_async.ledger.sqlite._queries import OF_THE_CONTACT

__all__ = ["PADDING", "job_of_outcome", "write_intents"]

_SIZES: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Rows of one statement; rows that are left open are filled with ``PADDING``. There is
a statement for each of these only, so that each is compiled once and for all."""

PADDING: Final = 0
"""No contact and no owner has this number. Neither it nor absent text is None: the
driver takes a dozen times as long to hand over None as a number or a text."""

_CLAIMED, _INTENT = STATE_CODES[State.CLAIMED], STATE_CODES[State.INTENT]
_ACCEPT, _UNKNOWN = STEP_CODES[Step.ACCEPT], STEP_CODES[Step.MARK_UNKNOWN]
_NOT_PLACED = STEP_CODES[Step.NOT_PLACED]

_ENDS: Final = {
    STEP_CODES[step]: becomes
    for (state, step), becomes in TRANSITIONS.items()
    if state is State.INTENT
}

_END_CODES: Final = {step: code for step, code in STEP_CODES.items() if code in _ENDS}
_ACCEPTED: Final = State.ACCEPTED


@attrs.frozen
class _Statements:
    """The statements that record one kind of step.

    Attributes:
        insert_events: Number of rows to the statement that inserts as many events.
        update_contacts: Updates the contacts of all events after a sequence number; it
            puts contacts in that are not there, with an empty hash.
    """

    # An insertion that finds its contact there and updates it takes two thirds of what
    # ``UPDATE ... FROM`` does, which keeps whole rows in a table of its own first. So
    # it would where its SELECT read contacts.

    insert_events: dict[int, str]
    update_contacts: str


def _insertions(columns: str, row: str, row_of_event: str) -> dict[int, str]:
    return {
        rows: f"INSERT INTO event ({columns}) SELECT {row_of_event}"  # noqa: S608 - ours
        f" FROM (VALUES {', '.join([row] * rows)}) WHERE column1 <> {PADDING}"
        for rows in _SIZES
    }


_INTENTS: Final = _Statements(
    _insertions(
        "contact, owner, pabx, at, step",
        "(?, ?, ?, ?)",
        f"column1, column2, column3, column4, {STEP_CODES[Step.INTEND]}",
    ),
    f"""
    INSERT INTO contact (number, owner, pabx, sent_at, intent, hash, line)
    SELECT contact, owner, pabx, at, sequence, x'', 0 FROM event WHERE sequence > ?
        ON CONFLICT (number) DO UPDATE
       SET state = {STATE_CODES[next_state(State.CLAIMED, Step.INTEND)]},
           attempts = attempts + 1, pabx = excluded.pabx, sent_at = excluded.sent_at,
           intent = excluded.intent, call_id = NULL, reason = NULL, settled_at = NULL
     WHERE state = {_CLAIMED} AND owner = excluded.owner
    """,  # noqa: S608 - numbers of our own
)

# Nearly all outcomes: with two values less to hand over, and nothing to decide.
_ACCEPTANCES: Final = _Statements(
    _insertions(
        "contact, owner, at, call_id, pabx, step",
        "(?, ?, ?, ?, ?)",
        f"column1, column2, column3, column4, column5, {_ACCEPT}",
    ),
    f"""
    INSERT INTO contact (number, owner, call_id, settled_at, hash, line)
    SELECT contact, owner, call_id, at, x'', 0 FROM event WHERE sequence > ?
        ON CONFLICT (number) DO UPDATE
       SET state = {STATE_CODES[_ENDS[_ACCEPT]]}, call_id = excluded.call_id,
           reason = NULL, settled_at = excluded.settled_at
     WHERE state = {_INTENT} AND owner = excluded.owner
    """,  # noqa: S608 - numbers of our own
)

_OUTCOMES: Final = _Statements(
    _insertions(
        "contact, owner, step, at, call_id, reason, pabx",
        "(?, ?, ?, ?, ?, ?, ?)",
        "column1, column2, column3, column4, nullif(column5, ''), nullif(column6, ''),"
        " column7",
    ),
    f"""
    INSERT INTO contact (number, owner, state, call_id, reason, settled_at, failures,
                         hash, line)
    SELECT contact, owner,
           CASE step
           {" ".join(f"WHEN {end} THEN {STATE_CODES[to]}" for end, to in _ENDS.items())}
           END,
           iif(step = {_ACCEPT}, call_id, NULL), reason, at,
           CASE step WHEN {_NOT_PLACED} THEN {OF_THE_CONTACT} ELSE 0 END, x'', 0
      FROM event WHERE sequence > ?
        ON CONFLICT (number) DO UPDATE
       SET state = excluded.state, call_id = excluded.call_id,
           reason = excluded.reason, settled_at = excluded.settled_at,
           failures = failures + excluded.failures
     WHERE state = {_INTENT} AND owner = excluded.owner
    """,  # noqa: S608 - numbers of our own
)

_WAS_ADDED: Final = "SELECT 1 FROM contact WHERE hash = x''"
"""Whether an update found no contact of a number, and put one in."""

_STATE: Final = "SELECT state FROM contact WHERE number = ? AND hash <> x''"

_KNOWN_ID: Final = "SELECT 1 FROM contact WHERE pabx = ? AND call_id = ?"


def write_intents(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Write intents: rows of number, owner, PABX, time."""
    _write(connection, jobs, _INTENTS, _write_intent)


def job_of_outcome(  # noqa: PLR0917 - the values of one row
    number: int,
    owner: int,
    step: Step,
    pabx: str,
    at: float,
    call_id: str | None,
    reason: str | None,
    on_done: OnDone,
) -> Job:
    """Return the job that writes an outcome.

    An acceptance with a call id that the PABX gave before becomes unknown; the id
    stands in its event.

    Raises:
        IllegalTransitionError: If no call ends in that step.
    """
    code = _END_CODES.get(step)
    if code is None:
        next_state(State.INTENT, step)  # raises
    if code == _ACCEPT and call_id and not reason:
        row: tuple[Any, ...] = (number, owner, at, storable(call_id), pabx)
        return Job(ACCEPTANCES, _write_acceptances, row, on_done)
    kept_id = "" if call_id is None else storable(call_id)
    row = (number, owner, code, at, kept_id, reason or "", pabx)
    return Job(OUTCOMES, _write_outcomes, row, on_done)


def _write_acceptances(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Write acceptances: rows of number, owner, time, call id, PABX."""
    _write(connection, jobs, _ACCEPTANCES, _write_acceptance)
    for job in jobs:
        if job.error is None and job.result is None:
            job.result = _ACCEPTED


def _write_outcomes(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Write outcomes: rows of number, owner, step, time, call id, reason, PABX.

    The call id and the reason are empty where there is none.
    """
    _write(connection, jobs, _OUTCOMES, _write_outcome)
    for job in jobs:
        if job.error is None:
            job.result = _ENDS[job.row[2]]


def _write(
    connection: sqlite3.Connection,
    jobs: list[Job],
    statements: _Statements,
    write_one: Callable[[sqlite3.Connection, Job], DigitroError | None],
) -> None:
    """Write all rows together; the error of a single row names its problem."""
    if len(jobs) > 1:
        if not _all_fit(connection, jobs, statements):
            raise BatchConflictError
        return
    (job,) = jobs
    connection.execute("SAVEPOINT one")
    try:
        job.error = write_one(connection, job)
    except BAD_VALUES as error:
        job.error = bad_value(error)
    if job.error is not None:
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _all_fit(
    connection: sqlite3.Connection, jobs: list[Job], statements: _Statements
) -> bool:
    most = _SIZES[-1]
    try:
        return all(
            _write_rows(
                connection, [job.row for job in jobs[begin : begin + most]], statements
            )
            for begin in range(0, len(jobs), most)
        )
    except BAD_VALUES:
        return False


def _write_intent(connection: sqlite3.Connection, job: Job) -> DigitroError | None:
    if _write_rows(connection, [job.row], _INTENTS):
        return None
    # The update may have put in a row of its own, in a state that says nothing.
    found = connection.execute(_STATE, (job.row[0],)).fetchone()
    return claim_lost(None if found is None else STATES.get(found[0]))


def _write_acceptance(connection: sqlite3.Connection, job: Job) -> DigitroError | None:
    number, owner, at, call_id, pabx = job.row
    if not connection.execute(_KNOWN_ID, (pabx, call_id)).fetchone():
        try:
            is_written = _write_rows(connection, [job.row], _ACCEPTANCES)
        except sqlite3.IntegrityError:
            # Nearly always a bad value: only where contacts were called again, and for
            # them alone, there are call ids to ask for elsewhere.
            if not connection.execute(KNOWN_EARLIER, (pabx, call_id)).fetchone():
                raise
            connection.execute("ROLLBACK TO one")
        else:
            return None if is_written else _no_intent()
    row = (number, owner, _UNKNOWN, at, call_id, "repeated_call_id", pabx)
    job.result = _ENDS[_UNKNOWN]
    return None if _write_rows(connection, [row], _OUTCOMES) else _no_intent()


def _write_outcome(connection: sqlite3.Connection, job: Job) -> DigitroError | None:
    return None if _write_rows(connection, [job.row], _OUTCOMES) else _no_intent()


def _no_intent() -> DigitroError:
    return IllegalTransitionError(
        "the contact has no open intent of this owner", reason="no_intent"
    )


def _write_rows(
    connection: sqlite3.Connection,
    rows: list[tuple[Any, ...]],
    statements: _Statements,
) -> bool:
    """Insert events and update their contacts; False where one can't take its step."""
    size = _SIZES[bisect_left(_SIZES, len(rows))]
    values = list(chain.from_iterable(rows))
    values += [PADDING] * ((size - len(rows)) * len(rows[0]))
    inserted = connection.execute(statements.insert_events[size], values)
    if inserted.rowcount != len(rows):
        return False
    # One statement numbers its rows without a gap: the greatest number there is, and 1.
    before = (inserted.lastrowid or 0) - len(rows)
    updated = connection.execute(statements.update_contacts, (before,))
    if updated.rowcount != len(rows):
        return False
    return connection.execute(_WAS_ADDED).fetchone() is None
