"""SQL that lets contacts wait, recalls them, and refuses their calls."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from digitro_async.call_events import Disposition
from digitro_async.ledger._codes import (
    DISPOSITION_CODES,
    STATE_CODES,
    STATES,
    STEP_CODES,
    WAIT_CODES,
)
from digitro_async.ledger._records import ClaimOwner, WaitKind
from digitro_async.ledger._schedule_records import (
    AgreedCallback,
    Deferral,
    EndedContact,
    Refusal,
)
from digitro_async.ledger._state import TRANSITIONS, State, Step, next_state
from digitro_async.ledger._stored_schedule import ended_of
from digitro_async.ledger.sqlite._attempts_sql import end_attempt
from digitro_async.ledger.sqlite._reconcile_sql import find_contact, is_forgotten
from digitro_async.privacy import Personal

__all__ = ["agree_callback", "put_off", "read_ended", "recall_contact", "refuse_calls"]

_CLAIMED, _ACCEPTED = STATE_CODES[State.CLAIMED], STATE_CODES[State.ACCEPTED]

_WAIT: Final = """
INSERT INTO wait (contact, due, kind, place) VALUES (?, ?, ?, ?)
    ON CONFLICT (contact) DO UPDATE
   SET due = excluded.due, kind = excluded.kind, place = excluded.place, is_over = 0
"""
_WAIT_LONGER: Final = """
INSERT INTO wait (contact, due, kind, place) VALUES (?, ?, ?, ?)
    ON CONFLICT (contact) DO UPDATE
   SET due = excluded.due, kind = ifnull(kind, excluded.kind), place = excluded.place,
       is_over = 0
"""
_AGREE: Final = """
INSERT INTO callback (contact, at, place, moved, is_overdue, after)
SELECT number, ?, ?, ?, ?, ifnull(intent, 0) FROM contact WHERE number = ?
    ON CONFLICT (contact) DO UPDATE
   SET at = excluded.at, place = excluded.place, moved = excluded.moved,
       is_overdue = excluded.is_overdue, after = excluded.after
"""
_NOTE: Final = "INSERT INTO event (contact, step, at, reason) VALUES (?, ?, ?, ?)"


def put_off(
    connection: sqlite3.Connection,
    owner: ClaimOwner,
    deferrals: Sequence[Deferral],
    *,
    now: float,
) -> None:
    """Let claimed contacts be pending until they are due; see ``Schedule``."""
    owned = _claimed_of(connection, owner, [one.number for one in deferrals])
    mine = [one for one in deferrals if one.number in owned]
    becomes = STATE_CODES[next_state(State.CLAIMED, Step.DEFER)]
    connection.executemany(
        "UPDATE contact SET state = ?, reason = ? WHERE number = ?",
        [(becomes, one.reason, one.number) for one in mine],
    )
    deferred = WAIT_CODES[WaitKind.DEFERRED]
    connection.executemany(
        _WAIT_LONGER, [(one.number, one.due, deferred, one.place) for one in mine]
    )
    for one in mine:
        if one.callback is not None:
            _agree(connection, one.number, one.callback)
    step = STEP_CODES[Step.DEFER]
    _note(connection, ((one.number, step, now, one.reason) for one in mine))


def refuse_calls(
    connection: sqlite3.Connection,
    owner: ClaimOwner,
    refusals: Sequence[Refusal],
    *,
    now: float,
) -> None:
    """Let claimed contacts be skipped; see ``Schedule.refuse``."""
    owned = _claimed_of(connection, owner, [one.number for one in refusals])
    mine = [one for one in refusals if one.number in owned]
    becomes = STATE_CODES[next_state(State.CLAIMED, Step.SKIP)]
    connection.executemany(
        "UPDATE contact SET state = ?, reason = ?, settled_at = ? WHERE number = ?",
        [(becomes, one.reason, now, one.number) for one in mine],
    )
    connection.executemany(
        "DELETE FROM callback WHERE contact = ?", [(one.number,) for one in mine]
    )
    step = STEP_CODES[Step.SKIP]
    _note(connection, ((one.number, step, now, one.reason) for one in mine))


def recall_contact(
    connection: sqlite3.Connection,
    number: int,
    *,
    attempts: int,
    due: float,
    place: int,
    reason: str,
    now: float,
) -> bool:
    """Let an accepted contact whose call has ended be pending; see ``Schedule``."""
    found = connection.execute(
        "SELECT 1 FROM contact JOIN call_end USING (intent)"
        " WHERE contact.number = ? AND contact.state = ? AND contact.attempts = ?",
        (number, _ACCEPTED, attempts),
    )
    if found.fetchone() is None or is_forgotten(connection, number):
        return False
    end_attempt(connection, number, _place_of(connection, number))
    becomes = STATE_CODES[next_state(State.ACCEPTED, Step.RECALL)]
    connection.execute(
        "UPDATE contact SET state = ?, reason = ? WHERE number = ?",
        (becomes, reason, number),
    )
    connection.execute(_WAIT, (number, due, WAIT_CODES[WaitKind.RECALL], place))
    _note(connection, [(number, STEP_CODES[Step.RECALL], now, reason)])
    return True


def agree_callback(
    connection: sqlite3.Connection,
    contact: str | int | Personal,
    callback: AgreedCallback,
    *,
    now: float,
) -> State:
    """Let a contact wait for a call that was agreed on; see ``Schedule.call_back``.

    Raises:
        LedgerError: If there is no such contact, or text may mean two of them.
    """
    number, code, _, _ = find_contact(connection, contact)
    state = STATES[code]
    becomes = TRANSITIONS.get((state, Step.CALL_BACK))
    if becomes is None or is_forgotten(connection, number):
        return state
    before = _place_of(connection, number)
    if state is State.ACCEPTED:
        end_attempt(connection, number, before)
    connection.execute(
        "UPDATE contact SET state = ?, reason = NULL WHERE number = ?",
        (STATE_CODES[becomes], number),
    )
    place = _last_place(connection, number, before)
    if callback.place is not None:
        place = callback.place
    kind = WAIT_CODES[WaitKind.CALLBACK]
    due = now if callback.is_overdue else callback.at
    connection.execute(_WAIT, (number, due, kind, place))
    _agree(connection, number, callback)
    _note(connection, [(number, STEP_CODES[Step.CALL_BACK], now, None)])
    return becomes


def read_ended(
    connection: sqlite3.Connection,
    dispositions: Collection[Disposition],
    *,
    numbers: Sequence[int] | None,
    after: int,
    limit: int,
) -> list[EndedContact]:
    """Return accepted contacts whose last call ended; see ``Schedule.ended``."""
    which, values = "", list[object]()
    if numbers is not None:
        which = " AND contact.number IN (SELECT value FROM json_each(?))"
        values = [json.dumps(list(numbers))]
    codes = [DISPOSITION_CODES[one] for one in dispositions]
    rows = connection.execute(
        "SELECT contact.number, contact.attempts, person.numbers, person.destination,"  # noqa: S608 - ours
        "       ifnull(wait.priority, 0), call_end.disposition"
        "  FROM contact JOIN person USING (number)"
        "  JOIN call_end ON call_end.intent = contact.intent"
        "  LEFT JOIN wait ON wait.contact = contact.number"
        " WHERE contact.number > ? AND contact.state = ? AND person.destination <> ''"
        "   AND call_end.disposition IN"
        f" (SELECT value FROM json_each(?)){which} ORDER BY contact.number LIMIT ?",
        (after, _ACCEPTED, json.dumps(codes), *values, limit),
    )
    return [ended_of(row) for row in rows]


def _claimed_of(
    connection: sqlite3.Connection, owner: ClaimOwner, numbers: Sequence[int]
) -> set[int]:
    """Return which of some contacts an owner has claimed."""
    rows = connection.execute(
        "SELECT number FROM contact WHERE state = ?"
        " AND owner = (SELECT number FROM owner WHERE id = ?)"
        " AND number IN (SELECT value FROM json_each(?))",
        (_CLAIMED, owner.id, json.dumps(list(numbers))),
    )
    return {number for (number,) in rows}


def _agree(
    connection: sqlite3.Connection, number: int, callback: AgreedCallback
) -> None:
    values = (callback.at, callback.place, callback.moved, callback.is_overdue)
    connection.execute(_AGREE, (*values, number))


def _place_of(connection: sqlite3.Connection, number: int) -> int:
    """Return the place of the number that a contact was to be called by."""
    row = connection.execute(
        "SELECT place FROM wait WHERE contact = ?", (number,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _last_place(connection: sqlite3.Connection, number: int, otherwise: int) -> int:
    """Return the place of the number that a contact was called by last."""
    row = connection.execute(
        "SELECT place FROM attempt JOIN contact ON contact.number = attempt.contact"
        " WHERE contact = ? AND (outcome IS NOT NULL OR contact.intent > after)"
        " ORDER BY attempt.number DESC LIMIT 1",
        (number,),
    ).fetchone()
    return otherwise if row is None else int(row[0])


def _note(connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    connection.executemany(_NOTE, rows)
