"""Changes one contact that somebody names: settles it by evidence, or withdraws it."""

import json
import sqlite3

from digitro_async.call_events import CallSeen
from digitro_async.ledger._call_ends_port import evidence_of
from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._ledger_clock import CLOCK
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._reconciliation import (
    QUARANTINE,
    check_found,
    check_seen,
    decide,
    forgotten_error,
    step_by_evidence,
)
from digitro_async.ledger._records import Reconciliation, storable
from digitro_async.ledger._state import TRANSITIONS, State, Step
from digitro_async.ledger._written_ids import readings_of
from digitro_async.ledger.sqlite._attempts_sql import KNOWN_EARLIER
from digitro_async.ledger.sqlite._queries import read_setting
from digitro_async.ledger.sqlite._schedule_queries import wait_again
from digitro_async.privacy import Personal

__all__ = [
    "find_contact",
    "is_forgotten",
    "reconcile_contact",
    "settle_seen",
    "withdraw_contact",
]


def reconcile_contact(
    connection: sqlite3.Connection,
    contact: str | int | Personal,
    *,
    accepted: bool,
    evidence: str,
    now: float,
) -> Reconciliation:
    """Settle an unknown contact; see ``Ledger.reconcile``.

    Raises:
        LedgerError: If there is no evidence, no such contact, or it is too early.
        IllegalTransitionError: If the contact is not unknown.
    """
    number, state, sent_at, pabx = find_contact(connection, contact)
    if not accepted and is_forgotten(connection, number):
        raise forgotten_error(number)
    step, becomes = decide(
        STATES[state],
        sent_at,
        read_setting(connection, QUARANTINE),
        accepted=accepted,
        evidence=evidence,
        now=now,
        clock=read_setting(connection, CLOCK),
        read=read_clock(),
    )
    connection.execute(
        "UPDATE contact SET state = ?, settled_at = ?, reason = 'reconciled',"
        "       attempts = attempts * ?, failures = failures * ?"
        " WHERE number = ?",
        (STATE_CODES[becomes], now, accepted, accepted, number),
    )
    connection.execute(
        "INSERT INTO event (contact, step, at, pabx, reason) VALUES (?, ?, ?, ?, ?)",
        (number, STEP_CODES[step], now, pabx, evidence),
    )
    wait_again(connection, number)
    return Reconciliation(number, becomes)


def is_forgotten(connection: sqlite3.Connection, number: int) -> bool:
    """Whether the number of a contact was erased."""
    found = connection.execute(
        "SELECT 1 FROM person WHERE number = ? AND destination = ''", (number,)
    )
    return found.fetchone() is not None


def withdraw_contact(
    connection: sqlite3.Connection,
    contact: str | int | Personal,
    *,
    reason: str,
    now: float,
) -> State:
    """Let nobody begin the call of a contact any more; see ``Ledger.withdraw``.

    Raises:
        LedgerError: If there is no such contact, or text may mean two of them.
    """
    number, code, _, _ = find_contact(connection, contact)
    becomes = TRANSITIONS.get((STATES[code], Step.SKIP))
    if becomes is None:
        return STATES[code]
    connection.execute(
        "UPDATE contact SET state = ?, reason = ?, settled_at = ? WHERE number = ?",
        (STATE_CODES[becomes], reason, now, number),
    )
    connection.execute(
        "INSERT INTO event (contact, step, at, reason) VALUES (?, ?, ?, ?)",
        (number, STEP_CODES[Step.SKIP], now, reason),
    )
    return becomes


def settle_seen(
    connection: sqlite3.Connection, number: int, seen: CallSeen, *, now: float
) -> Reconciliation:
    """Settle an unknown contact whose call was seen; see ``CallEnds.settle_seen``.

    Raises:
        LedgerError: If there is no such contact, or the call can't be its.
        IllegalTransitionError: If the contact is not unknown.
    """
    rows = connection.execute(
        "SELECT state, pabx FROM contact WHERE number = ?", (number,)
    ).fetchall()
    check_found(len(rows))
    state, known_pabx = rows[0]
    evidence, kept_id = evidence_of(seen), storable(seen.call_id)
    step, becomes = step_by_evidence(STATES[state], evidence, accepted=True)
    known = connection.execute(
        f"SELECT 1 FROM contact WHERE pabx = ? AND call_id = ? UNION {KNOWN_EARLIER}",  # noqa: S608 - ours
        (seen.pabx, kept_id, seen.pabx, kept_id),
    )
    check_seen(known_pabx, seen.pabx, is_known=known.fetchone() is not None)
    connection.execute(
        "UPDATE contact SET state = ?, settled_at = ?, reason = 'reconciled',"
        "       call_id = ? WHERE number = ?",
        (STATE_CODES[becomes], now, kept_id, number),
    )
    connection.execute(
        "INSERT INTO event (contact, step, at, pabx, call_id, reason)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (number, STEP_CODES[step], now, seen.pabx, kept_id, evidence),
    )
    return Reconciliation(number, becomes)


def find_contact(
    connection: sqlite3.Connection, contact: str | int | Personal
) -> tuple[int, int, float | None, str | None]:
    """Return number, code of the state, time of the last intent and PABX of a contact.

    Raises:
        LedgerError: If there is no such contact, or text may mean two of them.
    """
    ids, number = readings_of(contact)
    rows = connection.execute(
        "SELECT number, state, sent_at, contact.pabx"
        "  FROM contact JOIN person USING (number)"
        " WHERE person.id IN (SELECT value FROM json_each(?)) OR number = ? LIMIT 2",
        (json.dumps(ids), number),
    ).fetchall()
    check_found(len(rows))
    number, state, sent_at, pabx = rows[0]
    return number, state, sent_at, pabx
