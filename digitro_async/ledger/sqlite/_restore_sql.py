"""SQL that settles a ledger's file that came back from a backup."""

import json
import sqlite3
from collections.abc import Collection
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._records import storable
from digitro_async.ledger._state import RESTORED, TRANSITIONS, State, Step, next_state
from digitro_async.ledger._written_ids import ids_written_as
from digitro_async.ledger.sqlite._attempts_sql import KNOWN_EARLIER
from digitro_async.privacy import Personal

__all__ = ["accept_unknown", "doubt_restored", "finish_pending", "is_same_contact"]

_CODES: Final = ", ".join(
    str(STATE_CODES[state]) for state, step in TRANSITIONS if step is Step.RESTORE
)

_MAY_BE_CALLED: Final = (
    f"(state IN ({_CODES})) AND number NOT IN (SELECT value FROM json_each(?))"  # noqa: S608 - numbers of our own
)
"""SQL: whether a contact may be called, and is none of these numbers, as JSON."""


def is_same_contact(
    connection: sqlite3.Connection, number: int, own_id: Personal | None
) -> bool:
    """Whether a number and an id, as an output has it, are those of one contact."""
    row = connection.execute(
        "SELECT id FROM person WHERE number = ?", (number,)
    ).fetchone()
    if row is None:
        return False
    if own_id is None or row[0] is None:
        return own_id is None and row[0] is None
    return str(row[0]) in ids_written_as(own_id.reveal())


def doubt_restored(
    connection: sqlite3.Connection, but: Collection[int], now: float
) -> int:
    """Make contacts unknown that may be called; return how many.

    Args:
        connection: To the ledger.
        but: Numbers of contacts that stay as they are.
        now: The time. A call of the lost time was sent then at the latest.
    """
    kept = json.dumps(list(but))
    (last,) = connection.execute("SELECT max(sequence) FROM event").fetchone()
    connection.execute(
        "INSERT INTO event (contact, step, at, pabx, reason)"  # noqa: S608 - our own texts
        f" SELECT number, ?, ?, pabx, ? FROM contact WHERE {_MAY_BE_CALLED}"
        " ORDER BY number",
        (STEP_CODES[Step.RESTORE], now, RESTORED, kept),
    )
    # What is known of the last attempt is not known of the one that may have been.
    connection.execute(
        "UPDATE contact SET intent = event.sequence FROM event"
        " WHERE event.sequence > ? AND event.contact = contact.number AND EXISTS"
        " (SELECT 1 FROM attempt WHERE attempt.contact = contact.number)",
        (last or 0,),
    )
    return connection.execute(
        "UPDATE contact SET state = ?, reason = ?, sent_at = ?, settled_at = ?"  # noqa: S608 - ours
        f" WHERE {_MAY_BE_CALLED}",
        (STATE_CODES[State.UNKNOWN], RESTORED, now, now, kept),
    ).rowcount


def finish_pending(
    connection: sqlite3.Connection, number: int, reason: str, now: float
) -> bool:
    """Make a pending contact invalid; return whether it was one."""
    becomes = next_state(State.PENDING, Step.INVALIDATE)
    changed = connection.execute(
        "UPDATE contact SET state = ?, reason = ?, settled_at = ?"
        " WHERE number = ? AND state = ?",
        (STATE_CODES[becomes], reason, now, number, STATE_CODES[State.PENDING]),
    ).rowcount
    if changed:
        connection.execute(
            "INSERT INTO event (contact, step, at, reason) VALUES (?, ?, ?, ?)",
            (number, STEP_CODES[Step.INVALIDATE], now, reason),
        )
    return bool(changed)


def accept_unknown(
    connection: sqlite3.Connection,
    number: int,
    *,
    pabx: str | None,
    call_id: str | None,
    sent_at: float | None,
    evidence: str,
    now: float,
) -> tuple[State, str]:
    """Make a contact accepted, if it is unknown.

    Returns:
        Where it was, and why it can't be accepted; empty where it is.
    """
    (code,) = connection.execute(
        "SELECT state FROM contact WHERE number = ?", (number,)
    ).fetchone()
    state = STATES[code]
    if state is State.ACCEPTED:
        return state, ""
    if state is not State.UNKNOWN:
        return state, f"is {state} in the ledger, and accepted in the results"
    kept_id = None if call_id is None else storable(call_id)
    known = connection.execute(
        "SELECT 1 FROM contact WHERE pabx = ? AND call_id = ? AND number <> ?"  # noqa: S608 - ours
        f" UNION {KNOWN_EARLIER} AND contact <> ?",
        (pabx, kept_id, number, pabx, kept_id, number),
    )
    if known.fetchone() is not None:
        return state, "has a call id in the results that is another contact's"
    connection.execute(
        "UPDATE contact SET state = ?, reason = 'reconciled', settled_at = ?,"
        "       pabx = ?, call_id = ?, sent_at = coalesce(?, sent_at)"
        " WHERE number = ?",
        (
            STATE_CODES[next_state(state, Step.RECONCILE_ACCEPTED)],
            *(now, pabx, kept_id, sent_at, number),
        ),
    )
    connection.execute(
        "INSERT INTO event (contact, step, at, pabx, call_id, reason)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(number, STEP_CODES[Step.RECONCILE_ACCEPTED], now, pabx, kept_id),
            evidence,
        ),
    )
    return state, ""
