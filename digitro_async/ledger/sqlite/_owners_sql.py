"""SQL of owners, their leases and their claims."""

import json
import sqlite3
from collections.abc import Collection, Sequence

from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._records import ClaimedContact, ClaimOwner
from digitro_async.ledger._state import State, Step, next_state
from digitro_async.ledger.sqlite._attempts_sql import end_plans
from digitro_async.ledger.sqlite._queries import (
    CLAIMABLE,
    EXPIRED,
    MAY_TRY,
    read_claimable,
)
from digitro_async.ledger.sqlite._schedule_queries import has_attempts, has_waits

__all__ = [
    "begin_lease",
    "claim_under_lease",
    "recover_all",
    "recover_contacts",
    "release_contacts",
]

_CLAIMED, _INTENT = STATE_CODES[State.CLAIMED], STATE_CODES[State.INTENT]
_NO_LIMIT = 2**62
_OF_OWNER = "owner = (SELECT number FROM owner WHERE id = ?)"


def begin_lease(
    connection: sqlite3.Connection, owner: ClaimOwner, lease: float, now: float
) -> int:
    """Begin an owner's lease anew; return the ledger's number of the owner."""
    (number,) = connection.execute(
        "INSERT INTO owner (id, label, began_at, lease_until) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until"
        " RETURNING number",
        (owner.id, owner.label, now, now + lease),
    ).fetchone()
    return int(number)


def claim_under_lease(
    connection: sqlite3.Connection,
    owner: ClaimOwner,
    lease: float,
    *,
    now: float,
    limit: int,
    after: int,
    max_attempts: int | None,
    within: range | None,
    pabx: Collection[str | None] | None,
) -> tuple[int, list[ClaimedContact]]:
    """Begin an owner's lease anew, and claim contacts; see ``Ledger.claim``.

    Args:
        connection: To the ledger.
        owner: The owner.
        lease: Seconds from now.
        now: The time by which leases are over.
        limit: See ``Ledger.claim``, as for the others.
        after: Only contacts with numbers above this one.
        max_attempts: Attempts after which a contact is left out.
        within: Only contacts with numbers in this range.
        pabx: Only contacts of these PABX.

    Returns:
        The ledger's number of the owner, and the contacts.
    """
    number = begin_lease(connection, owner, lease, now)
    most = _NO_LIMIT if max_attempts is None else max_attempts
    last, end = after, _NO_LIMIT
    if within is not None:
        last, end = max(after, within.start - 1), within.stop
    is_waiting, is_planned = has_waits(connection), has_attempts(connection)
    claimed = read_claimable(
        connection,
        limit,
        last,
        most,
        now,
        end=end,
        pabx=pabx,
        is_waiting=is_waiting,
    )
    if not claimed:
        return number, claimed
    if is_planned:
        end_plans(connection, [one.number for one in claimed])
    becomes = STATE_CODES[next_state(State.PENDING, Step.CLAIM)]
    if pabx is None and not is_waiting:
        which = f"number > ? AND number <= ? AND {CLAIMABLE} AND {MAY_TRY}"
        values: tuple[object, ...] = (last, claimed[-1].number, now, most)
    else:
        which = "number IN (SELECT value FROM json_each(?))"
        values = (json.dumps([one.number for one in claimed]),)
    connection.execute(
        f"UPDATE contact SET state = ?, owner = ? WHERE {which}",  # noqa: S608 - ours
        (becomes, number, *values),
    )
    return number, claimed


def release_contacts(
    connection: sqlite3.Connection, owner: ClaimOwner, numbers: Sequence[int] | None
) -> None:
    """Give claims of an owner back; all of them for None."""
    becomes = STATE_CODES[next_state(State.CLAIMED, Step.RELEASE)]
    which = "" if numbers is None else " AND number IN (SELECT value FROM json_each(?))"
    connection.execute(
        f"UPDATE contact SET state = ? WHERE state = ? AND {_OF_OWNER}{which}",  # noqa: S608 - our own texts
        (
            *(becomes, _CLAIMED, owner.id),
            *(() if numbers is None else (json.dumps(list(numbers)),)),
        ),
    )


def recover_contacts(
    connection: sqlite3.Connection, now: float, owner: ClaimOwner | None
) -> int:
    """Close an owner's open contacts; return the number of intents made unknown.

    Args:
        connection: To the ledger.
        now: The time.
        owner: The owner; None for every one whose lease is over.
    """
    if owner is None:
        return _recover(connection, now, EXPIRED, (now,))
    return _recover(connection, now, _OF_OWNER, (owner.id,))


def recover_all(connection: sqlite3.Connection, now: float) -> int:
    """Close the open contacts of every owner: none has the file any more."""
    connection.execute("BEGIN IMMEDIATE")
    recovered = _recover(connection, now, "true", ())
    connection.execute("COMMIT")
    return recovered


def _recover(
    connection: sqlite3.Connection, now: float, which: str, values: tuple[object, ...]
) -> int:
    connection.execute(
        "INSERT INTO event (contact, owner, step, at, pabx, reason)"  # noqa: S608 - ours
        " SELECT number, owner, ?, ?, pabx, 'owner_gone' FROM contact"
        f" WHERE state = ? AND {which}",
        (STEP_CODES[Step.RECOVER], now, _INTENT, *values),
    )
    recovered = connection.execute(
        "UPDATE contact SET state = ?, reason = 'owner_gone', settled_at = ?"  # noqa: S608 - ours
        f" WHERE state = ? AND {which}",
        (STATE_CODES[next_state(State.INTENT, Step.RECOVER)], now, _INTENT, *values),
    ).rowcount
    connection.execute(
        f"UPDATE contact SET state = ? WHERE state = ? AND {which}",  # noqa: S608 - ours
        (STATE_CODES[next_state(State.CLAIMED, Step.RECOVER)], _CLAIMED, *values),
    )
    return recovered
