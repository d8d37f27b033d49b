"""SQL that adds contacts and changes them, apart from claims and from each call."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from digitro_async.errors import IllegalTransitionError
from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._contact_pages import ContactChange, changes_by_page
from digitro_async.ledger._differences import (
    NamedContacts,
)
from digitro_async.ledger._records import (
    AddResult,
    ClaimOwner,
    NewContact,
)
from digitro_async.ledger._state import (
    DOUBTFUL,
    TRANSITIONS,
    State,
    Step,
    next_state,
)
from digitro_async.ledger._stored_contacts import text_of_fields
from digitro_async.ledger._stored_numbers import text_of_numbers
from digitro_async.ledger.sqlite._attempts_sql import doubt_attempt
from digitro_async.ledger.sqlite._call_ends_sql import forget_end
from digitro_async.ledger.sqlite._schedule_queries import wait_again

__all__ = [
    "add_contacts",
    "doubt_contacts",
    "insert_rows",
    "invalidate_contact",
    "write_setting",
]

# The driver takes a dozen times as long to hand over None as a number, and bytes as a
# bytearray.
_ABSENT = 0
"""``nullif`` makes NULL of it; no text is equal to a number."""

_MOST_VALUES = 1_000
"""Values that are asked for in one statement; 32,766 are allowed."""

_SIZES = (100, 10, 1)
"""Rows of one statement, which has fewer steps than as many statements."""

_INSERT_CONTACTS = {
    rows: f"INSERT INTO contact (number, hash, line) VALUES {', '.join([mark] * rows)}"  # noqa: S608 - ours
    for mark in ("(?, ?, ?)",)
    for rows in _SIZES
}
_INSERT_PEOPLE = {
    rows: "INSERT INTO person (number, id, destination, pabx, fields)"  # noqa: S608 - ours
    f" VALUES {', '.join([mark] * rows)}"
    for mark in ("(?, nullif(?, 0), ?, nullif(?, 0), nullif(?, 0))",)
    for rows in _SIZES
}

_INSERT_NUMBERS = "UPDATE person SET numbers = ? WHERE number = ?"

_INSERT_PRIORITY = (
    "INSERT INTO wait (contact, priority) VALUES (?, ?)"
    " ON CONFLICT (contact) DO UPDATE SET priority = excluded.priority"
)

_DOUBTED = ", ".join(
    str(STATE_CODES[state]) for state, step in TRANSITIONS if step is Step.DOUBT
)

_CLAIMED = STATE_CODES[State.CLAIMED]


def add_contacts(
    connection: sqlite3.Connection,
    hashes: Sequence[bytes],
    contacts: Sequence[NewContact],
    named: NamedContacts,
    *,
    update: bool = False,
) -> list[AddResult]:
    """Put contacts in that are not there yet, and compare the others."""
    known = _known(connection, hashes)
    (last,) = connection.execute("SELECT max(number) FROM contact").fetchone()
    page = changes_by_page(contacts, hashes, known, last or 0, named, update=update)
    for change in page.changed:
        _change(connection, change)
    _insert(connection, page.new)
    filled = page.filled + [(one, contact) for one, _, contact in page.new]
    numbers = [(one, contact) for one, contact in filled if contact.numbers]
    if numbers:
        connection.executemany(
            _INSERT_NUMBERS,
            [(text_of_numbers(contact.numbers), one) for one, contact in numbers],
        )
    priorities = [(one, new.priority) for one, _, new in page.new if new.priority]
    if priorities or page.priorities:
        connection.executemany(_INSERT_PRIORITY, priorities + page.priorities)
    return page.added


def invalidate_contact(
    connection: sqlite3.Connection, number: int, owner: ClaimOwner, reason: str
) -> None:
    """Record that a claimed contact can't be called.

    Raises:
        IllegalTransitionError: If the owner has no claim on it.
    """
    becomes = STATE_CODES[next_state(State.CLAIMED, Step.INVALIDATE)]
    now = time.time()
    cursor = connection.execute(
        "UPDATE contact SET state = ?, reason = ?, settled_at = ?"
        " WHERE number = ? AND state = ?"
        "   AND owner = (SELECT number FROM owner WHERE id = ?)",
        (becomes, reason, now, number, _CLAIMED, owner.id),
    )
    if cursor.rowcount != 1:
        raise IllegalTransitionError(
            "the contact is not claimed by this owner", reason="not_claimed"
        )
    connection.execute(
        "INSERT INTO event (contact, step, at, reason) VALUES (?, ?, ?, ?)",
        (number, STEP_CODES[Step.INVALIDATE], now, reason),
    )


def doubt_contacts(
    connection: sqlite3.Connection, numbers: Sequence[int], pabx: str, at: float
) -> int:
    """Make contacts unknown whose last answer is doubtful, and count them."""
    doubted = 0
    for number in numbers:
        cursor = connection.execute(
            "UPDATE contact SET state = ?, call_id = NULL, reason = ?, settled_at = ?"  # noqa: S608 - numbers of our own
            " WHERE number = ? AND pabx = ? AND sent_at IS NOT NULL"
            "   AND reason IS NOT 'reconciled'"
            f"   AND state IN ({_DOUBTED})",
            (STATE_CODES[State.UNKNOWN], DOUBTFUL, at, number, pabx),
        )
        if cursor.rowcount == 1:
            doubted += 1
            connection.execute(
                "INSERT INTO event (contact, step, at, pabx, reason)"
                " VALUES (?, ?, ?, ?, ?)",
                (number, STEP_CODES[Step.DOUBT], at, pabx, DOUBTFUL),
            )
            forget_end(connection, number)
            doubt_attempt(connection, number)
    return doubted


def write_setting(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a setting of the campaign."""
    connection.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _known(
    connection: sqlite3.Connection, hashes: Sequence[bytes]
) -> dict[bytes, tuple[Any, ...]]:
    """Return the number, line, state and data of each contact that is there already."""
    known: dict[bytes, tuple[Any, ...]] = {}
    for begin in range(0, len(hashes), _MOST_VALUES):
        some = [bytearray(one) for one in hashes[begin : begin + _MOST_VALUES]]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(
            "SELECT hash, number, line, state, destination, person.pabx, fields,"  # noqa: S608
            "       numbers, ifnull(priority, 0)"
            "  FROM contact JOIN person USING (number)"
            "  LEFT JOIN wait ON wait.contact = contact.number"
            f" WHERE hash IN ({marks})",
            some,
        )
        known |= {row[0]: row[1:] for row in rows}
    return known


def _change(connection: sqlite3.Connection, change: ContactChange) -> None:
    """Take over, withhold or confirm what a list says of a contact that is there."""
    contact, is_update = change.contact, change.is_update
    if is_update:
        connection.execute(
            "UPDATE person SET destination = ?, pabx = ?, fields = ?, numbers = ?"
            " WHERE number = ?",
            (
                contact.destination.reveal(),
                contact.pabx,
                text_of_fields(contact.fields) if contact.fields else None,
                text_of_numbers(contact.numbers),
                change.number,
            ),
        )
    connection.execute(
        "UPDATE contact SET state = ?, reason = ?, line = iif(?, ?, line),"
        "       failures = iif(?, 0, failures)"
        " WHERE number = ?",
        (
            change.code,
            change.reason,
            is_update,
            contact.line,
            is_update,
            change.number,
        ),
    )
    connection.execute(
        "INSERT INTO event (contact, step, at, reason) VALUES (?, ?, ?, ?)",
        (change.number, STEP_CODES[change.step], time.time(), change.fields),
    )
    wait_again(connection, change.number)


def _insert(
    connection: sqlite3.Connection, contacts: list[tuple[int, bytes, NewContact]]
) -> None:
    insert_rows(
        connection,
        _INSERT_CONTACTS,
        [
            (number, bytearray(digest), contact.line)
            for number, digest, contact in contacts
        ],
    )
    insert_rows(
        connection,
        _INSERT_PEOPLE,
        [
            (
                number,
                _ABSENT if contact.id is None else contact.id.reveal(),
                contact.destination.reveal(),
                _ABSENT if contact.pabx is None else contact.pabx,
                text_of_fields(contact.fields) if contact.fields else _ABSENT,
            )
            for number, _, contact in contacts
        ],
    )


def insert_rows(
    connection: sqlite3.Connection,
    statements: Mapping[int, str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Insert rows, many in one statement.

    Args:
        connection: The ledger's.
        statements: Number of rows to the statement that inserts as many, the largest
            number first and 1 last.
        rows: The values.
    """
    done = 0
    for size, statement in statements.items():
        while len(rows) - done >= size:
            values = list(chain.from_iterable(rows[done : done + size]))
            connection.execute(statement, values)
            done += size
