"""What changes the contacts of a ledger file, but for the SQL that runs once a call."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence

from digitro_async.campaign._codes import STATE_CODES, STEP_CODES
from digitro_async.campaign._reading import read_pending
from digitro_async.campaign._state import State, Step, after
from digitro_async.campaign._values import Added, NewContact, OpenContact
from digitro_async.errors import IllegalTransitionError

__all__ = [
    "add_contacts",
    "claim_contacts",
    "invalidate_contact",
    "release_contacts",
    "write_setting",
]

_PENDING, _CLAIMED = STATE_CODES[State.PENDING], STATE_CODES[State.CLAIMED]


def add_contacts(
    connection: sqlite3.Connection, key: bytes, contacts: Sequence[NewContact]
) -> list[Added]:
    """Put contacts in that are not there yet."""
    return [_add(connection, key, contact) for contact in contacts]


def claim_contacts(
    connection: sqlite3.Connection, limit: int, last: int, max_attempts: int
) -> list[OpenContact]:
    """Claim pending contacts with numbers above ``last``, in the order of import."""
    claimed = read_pending(connection, limit, last, max_attempts)
    connection.execute(
        "UPDATE contact SET state = ?"
        " WHERE number IN (SELECT value FROM json_each(?)) AND state = ?",
        (
            STATE_CODES[after(State.PENDING, Step.CLAIM)],
            json.dumps([contact.number for contact in claimed]),
            _PENDING,
        ),
    )
    return claimed


def release_contacts(
    connection: sqlite3.Connection, numbers: Sequence[int] | None
) -> None:
    """Give claimed contacts back; all of them for None."""
    becomes = STATE_CODES[after(State.CLAIMED, Step.RELEASE)]
    if numbers is None:
        connection.execute(
            "UPDATE contact SET state = ? WHERE state = ?", (becomes, _CLAIMED)
        )
        return
    connection.execute(
        "UPDATE contact SET state = ?"
        " WHERE number IN (SELECT value FROM json_each(?)) AND state = ?",
        (becomes, json.dumps(list(numbers)), _CLAIMED),
    )


def invalidate_contact(
    connection: sqlite3.Connection, number: int, reason: str
) -> None:
    """Record that a claimed contact can't be called.

    Raises:
        IllegalTransitionError: If it is not claimed.
    """
    becomes = STATE_CODES[after(State.CLAIMED, Step.INVALIDATE)]
    now = time.time()
    cursor = connection.execute(
        "UPDATE contact SET state = ?, reason = ?, settled_at = ?"
        " WHERE number = ? AND state = ?",
        (becomes, reason, now, number, _CLAIMED),
    )
    if cursor.rowcount != 1:
        raise IllegalTransitionError("the contact is not claimed", reason="not_claimed")
    connection.execute(
        "INSERT INTO event (contact, step, at, reason) VALUES (?, ?, ?, ?)",
        (number, STEP_CODES[Step.INVALIDATE], now, reason),
    )


def write_setting(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a setting of the campaign."""
    connection.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _add(connection: sqlite3.Connection, key: bytes, contact: NewContact) -> Added:
    identity = contact.identity.reveal().encode()
    digest = hashlib.blake2b(identity, digest_size=16, key=key).digest()
    cursor = connection.execute(
        "INSERT INTO contact (hash, line) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
        (digest, contact.line),
    )
    if cursor.rowcount == 1:
        _add_person(connection, cursor.lastrowid, contact)
        return Added(new=True, line=contact.line)
    (line,) = connection.execute(
        "SELECT line FROM contact WHERE hash = ?", (digest,)
    ).fetchone()
    return Added(new=False, line=line)


def _add_person(
    connection: sqlite3.Connection, number: int | None, contact: NewContact
) -> None:
    connection.execute(
        "INSERT INTO person (number, id, destination, pabx, fields)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            number,
            None if contact.id is None else contact.id.reveal(),
            contact.destination.reveal(),
            contact.pabx,
            json.dumps(dict(contact.fields)) if contact.fields else None,
        ),
    )
