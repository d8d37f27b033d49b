"""Queries of a ledger's file, for its owner and for readers."""

import json
import sqlite3
from collections.abc import Collection, Mapping

from digitro_async._common.reasons import PABX_REASONS
from digitro_async.ledger._codes import (
    STATE_CODES,
    STATES,
    STEP_CODES,
    STEPS,
)
from digitro_async.ledger._ledger_clock import CLOCK, latest_by
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._occupied_slots import OccupiedSlots, occupied_slots
from digitro_async.ledger._records import ClaimedContact, ContactRecord
from digitro_async.ledger._state import State, Step
from digitro_async.ledger._stored_contacts import claimed_contact
from digitro_async.ledger._stored_numbers import number_at
from digitro_async.ledger._stored_records import record_of
from digitro_async.ledger.sqlite._call_ends_queries import (
    END_COLUMNS,
    JOINED_ENDS,
    NO_END_COLUMNS,
    has_ends,
)
from digitro_async.ledger.sqlite._migrations import version_of
from digitro_async.ledger.sqlite._schedule_queries import (
    IS_DUE,
    JOINED_WAITS,
    NO_WAIT_COLUMNS,
    WAIT_COLUMNS,
    has_schedule,
)
from digitro_async.settings import RateLimit

__all__ = [
    "CLAIMABLE",
    "EXPIRED",
    "MAY_TRY",
    "OF_THE_CONTACT",
    "count_callable",
    "count_exhausted_rows",
    "count_states",
    "pabx_clause",
    "page_of_entries",
    "read_claimable",
    "read_occupied_slots",
    "read_setting",
]

_NAMED = ", ".join(f"'{reason}'" for reason in sorted(PABX_REASONS))

OF_THE_CONTACT = f"ifnull(event.reason, '') NOT IN ({_NAMED})"
"""SQL: whether the event of an attempt that was not placed counts against its contact:
the PABX and the way to it are not its fault."""

MAY_TRY = "(failures < ?)"
"""SQL: whether a pending contact may be tried again; takes the most attempts that count
against a contact."""

_COUNTS_FAILURES = 5
_MAY_TRY_BEFORE = f"(attempts < ? OR ifnull(reason, '') IN ({_NAMED}))"
"""The same of a schema in which the reason of the last attempt tells for all."""

_EVIDENCE = (
    "(SELECT told.reason FROM event AS told WHERE told.contact = contact.number"  # noqa: S608 - ours
    f" AND told.step IN ({STEP_CODES[Step.RECONCILE_ACCEPTED]},"
    f" {STEP_CODES[Step.RECONCILE_NOT_PLACED]})"
    " ORDER BY told.sequence DESC LIMIT 1)"
)
"""SQL: the source by which a contact was reconciled last."""

EXPIRED = "owner IN (SELECT number FROM owner WHERE lease_until <= ?)"
"""SQL: whether a contact is one of an owner whose lease is over; takes the time."""

CLAIMABLE = (
    f"(state = {STATE_CODES[State.PENDING]}"
    f" OR (state = {STATE_CODES[State.CLAIMED]} AND {EXPIRED}))"
)
"""SQL: whether a contact is pending, or claimed under a lease that is over; takes the
time."""


_OF_PABX = (
    " AND iif(person.pabx IS NOT NULL,"
    " person.pabx IN (SELECT value FROM json_each(?)), ?)"
)


def pabx_clause(pabx: Collection[str | None]) -> tuple[str, list[object]]:
    """Return SQL for whether one of some PABX must take a contact, and its values.

    Args:
        pabx: See ``Ledger.claim``.
    """
    names = json.dumps([one for one in pabx if one is not None])
    return _OF_PABX, [names, None in pabx]


def count_states(connection: sqlite3.Connection) -> Mapping[State, int]:
    """Return how many contacts are in each state."""
    rows = connection.execute("SELECT state, count(*) FROM contact GROUP BY state")
    return dict.fromkeys(State, 0) | {STATES[code]: count for code, count in rows}


def count_exhausted_rows(connection: sqlite3.Connection, max_attempts: int) -> int:
    """Return how many pending contacts are out of attempts; see ``MAY_TRY``."""
    counts_failures = version_of(connection) >= _COUNTS_FAILURES
    may_try = MAY_TRY if counts_failures else _MAY_TRY_BEFORE
    row = connection.execute(
        f"SELECT count(*) FROM contact WHERE state = ? AND NOT {may_try}",  # noqa: S608 - ours
        (STATE_CODES[State.PENDING], max_attempts),
    ).fetchone()
    return int(row[0])


def count_callable(
    connection: sqlite3.Connection,
    max_attempts: int,
    known: Collection[str],
    now: float,
) -> int:
    """Return how many pending contacts may be tried by one of these PABX, or by any.

    Those that wait are left out.
    """
    row = connection.execute(
        "SELECT count(*) FROM contact JOIN person USING (number)"  # noqa: S608 - ours
        f" WHERE state = ? AND {MAY_TRY} AND (typeof(person.pabx) <> 'text'"
        f" OR person.pabx IN (SELECT value FROM json_each(?))) AND {IS_DUE}",
        (STATE_CODES[State.PENDING], max_attempts, json.dumps([*known]), now),
    ).fetchone()
    return int(row[0])


def page_of_entries(
    connection: sqlite3.Connection, after: int, size: int
) -> list[ContactRecord]:
    """Return contacts with numbers above ``after``."""
    evidence = _EVIDENCE
    if version_of(connection) < _COUNTS_FAILURES:  # without an index it takes long
        evidence = f"iif(reason = 'reconciled', {_EVIDENCE}, NULL)"
    end, joined = NO_END_COLUMNS, ""
    if has_ends(connection):
        end, joined = END_COLUMNS, JOINED_ENDS
    wait = NO_WAIT_COLUMNS
    if has_schedule(connection):
        wait, joined = WAIT_COLUMNS, joined + JOINED_WAITS
    rows = connection.execute(
        "SELECT number, person.id, line, state, call_id, contact.pabx, attempts,"  # noqa: S608 - ours
        f"       reason, sent_at, settled_at, {evidence}{wait}{end}"
        f"  FROM contact JOIN person USING (number){joined}"
        " WHERE number > ? ORDER BY number LIMIT ?",
        (after, size),
    )
    return [record_of(row) for row in rows]


def read_claimable(
    connection: sqlite3.Connection,
    limit: int,
    last: int,
    max_attempts: int,
    now: float,
    *,
    end: int,
    pabx: Collection[str | None] | None = None,
    is_waiting: bool = False,
) -> list[ClaimedContact]:
    """Return contacts with numbers above ``last`` that can be claimed, in order.

    Args:
        connection: To the ledger.
        limit: Most contacts.
        last: Only contacts with numbers above this one.
        max_attempts: See ``MAY_TRY``.
        now: The time by which leases are over.
        end: Only contacts with numbers below this one.
        pabx: See ``Ledger.claim``.
        is_waiting: Whether contacts may wait: those that do are left out.
    """
    which, values = "", list[object]()
    if pabx is not None:
        which, values = pabx_clause(pabx)
    if is_waiting:
        which, values = f"{which} AND {IS_DUE}", [*values, now]
    joined, columns = "", ""
    if is_waiting:
        joined, columns = JOINED_WAITS, ", person.numbers, ifnull(wait.place, 0)"
    rows = connection.execute(
        f"SELECT number, attempts, destination, person.pabx, fields{columns}"  # noqa: S608 - ours
        f"  FROM contact JOIN person USING (number){joined}"
        f" WHERE number > ? AND number < ? AND {CLAIMABLE} AND {MAY_TRY}{which}"
        " ORDER BY number LIMIT ?",
        (last, end, now, max_attempts, *values, limit),
    )
    if is_waiting:
        return [_of_place(*row) for row in rows]
    return [claimed_contact(*row) for row in rows]


def _of_place(  # noqa: PLR0917 - the columns of one row
    number: int,
    attempts: int,
    destination: str,
    pabx: str | None,
    fields: str | None,
    numbers: str | None,
    place: int,
) -> ClaimedContact:
    """Return a contact as it is claimed, with the number that is tried next."""
    one = number_at(place, numbers, destination)
    return claimed_contact(number, attempts, one, pabx, fields)


def read_setting(connection: sqlite3.Connection, name: str) -> str | None:
    """Return a setting of the campaign."""
    row = connection.execute(
        "SELECT value FROM setting WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else str(row[0])


def read_occupied_slots(
    connection: sqlite3.Connection,
    *,
    limit: RateLimit,
    quarantine: float,
    now: float,
    elsewhere: Collection[str],
) -> OccupiedSlots:
    """Return the slots that the last calls to one address hold; see ``Ledger``."""
    rows = connection.execute(
        "SELECT contact, step, at, pabx, reason FROM event ORDER BY sequence DESC"
    )
    return occupied_slots(
        (
            (contact, STEPS[step], at, pabx, reason)
            for contact, step, at, pabx, reason in rows
        ),
        limit=limit,
        quarantine=quarantine,
        now=now,
        elsewhere=elsewhere,
        latest=latest_by(read_setting(connection, CLOCK), now, read_clock()),
    )
