"""SQL that claims contacts by what they waited for, and by priority."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from digitro_async.ledger._codes import STATE_CODES, WAIT_CODES, WAITS
from digitro_async.ledger._records import ClaimOwner, WaitKind
from digitro_async.ledger._schedule_records import PlannedContact
from digitro_async.ledger._state import FINAL, State, Step, next_state
from digitro_async.ledger._stored_schedule import planned_of
from digitro_async.ledger.sqlite._attempts_sql import end_plans
from digitro_async.ledger.sqlite._owners_sql import begin_lease
from digitro_async.ledger.sqlite._queries import CLAIMABLE, MAY_TRY, pabx_clause

__all__ = ["claim_scheduled", "read_priorities"]

_NO_LIMIT: Final = 2**62
_PENDING = STATE_CODES[State.PENDING]
_OVER: Final = frozenset(
    STATE_CODES[state] for state in (*FINAL, State.UNKNOWN, State.WITHHELD)
)
"""States in which nobody comes up again by waiting."""

_WAITING: Final = (
    "FROM wait JOIN contact ON contact.number = wait.contact"
    " JOIN person ON person.number = wait.contact"
    " WHERE wait.due IS NOT NULL AND wait.is_over = 0 AND wait.kind = ?"
    " AND wait.priority = ? AND wait.due <= ?"
)
"""SQL: contacts that were due, by the index ``wait_due``."""

_NEVER_WAITED: Final = (
    "NOT EXISTS (SELECT 1 FROM wait WHERE wait.contact = contact.number"
    " AND (wait.due IS NOT NULL OR wait.priority <> ?))"
)


class _Choice:
    """Which contacts a claim is about, as SQL."""

    def __init__(
        self,
        *,
        lease_time: float,
        max_attempts: int | None,
        within: range | None,
        pabx: Collection[str | None] | None,
    ) -> None:
        self.sql = f"{CLAIMABLE} AND {MAY_TRY}"
        most = _NO_LIMIT if max_attempts is None else max_attempts
        self.values: list[object] = [lease_time, most]
        if within is not None:
            self.sql += " AND contact.number >= ? AND contact.number < ?"
            self.values += [within.start, within.stop]
        if pabx is not None:
            which, values = pabx_clause(pabx)
            self.sql += which
            self.values += values


def claim_scheduled(
    connection: sqlite3.Connection,
    owner: ClaimOwner,
    lease: float,
    *,
    lease_time: float,
    limit: int,
    now: float,
    kinds: Collection[WaitKind | None],
    priority: int | None,
    after: int,
    max_attempts: int | None,
    within: range | None,
    pabx: Collection[str | None] | None,
) -> tuple[int, list[PlannedContact]]:
    """Begin an owner's lease anew, and claim contacts; see ``Schedule.claim``.

    Args:
        connection: To the ledger.
        owner: The owner.
        lease: Seconds from ``lease_time``.
        lease_time: The time by which leases are over.
        limit: See ``Schedule.claim``, as for the others.
        now: The time by which contacts are due.
        kinds: What the contacts waited for.
        priority: Only contacts of this priority.
        after: Only fresh contacts with numbers above this one.
        max_attempts: Attempts after which a contact is left out.
        within: Only contacts with numbers in this range.
        pabx: Only contacts of these PABX.

    Returns:
        The ledger's number of the owner, and the contacts.
    """
    number = begin_lease(connection, owner, lease, lease_time)
    choice = _Choice(
        lease_time=lease_time, max_attempts=max_attempts, within=within, pabx=pabx
    )
    codes = [WAIT_CODES[kind] for kind in kinds if kind is not None]
    found = _read_due(connection, choice, codes, priority, now=now, limit=limit)
    if None in kinds and len(found) < limit:
        most = limit - len(found)
        found += _read_fresh(connection, choice, priority, after, most)
    if not found:
        return number, []
    end_plans(connection, found)
    connection.execute(
        "UPDATE contact SET state = ?, owner = ?"
        " WHERE number IN (SELECT value FROM json_each(?))",
        (
            STATE_CODES[next_state(State.PENDING, Step.CLAIM)],
            *(number, json.dumps(found)),
        ),
    )
    return number, _read_planned(connection, found)


def read_priorities(connection: sqlite3.Connection) -> list[int]:
    """Return the priorities of pending contacts, each once, the highest first."""
    several = [
        priority
        for priority in _all_priorities(connection)
        if connection.execute(
            "SELECT 1 FROM wait JOIN contact ON contact.number = wait.contact"
            " WHERE wait.priority = ? AND contact.state = ? LIMIT 1",
            (priority, _PENDING),
        ).fetchone()
    ]
    if 0 not in several:
        plain = connection.execute(
            "SELECT 1 FROM contact WHERE state = ? AND NOT EXISTS"
            " (SELECT 1 FROM wait WHERE wait.contact = contact.number) LIMIT 1",
            (_PENDING,),
        )
        several += [0] if plain.fetchone() else []
    return sorted(several, reverse=True)


def _all_priorities(connection: sqlite3.Connection) -> list[int]:
    """Return each priority that stands beside a contact, the highest first.

    The indexes are looked into once for each, and never read through.
    """
    found: set[int] = set()
    places = [("due IS NULL", ())] + [
        ("due IS NOT NULL AND is_over = 0 AND kind = ?", (code,)) for code in WAITS
    ]
    for which, values in places:
        below = _NO_LIMIT
        while True:
            (highest,) = connection.execute(
                f"SELECT max(priority) FROM wait WHERE {which} AND priority < ?",  # noqa: S608 - ours
                (*values, below),
            ).fetchone()
            if highest is None:
                break
            found.add(below := int(highest))
    return sorted(found, reverse=True)


def _read_due(
    connection: sqlite3.Connection,
    choice: _Choice,
    codes: Sequence[int],
    priority: int | None,
    *,
    now: float,
    limit: int,
) -> list[int]:
    """Return the contacts that were due, by priority and then by when they were."""
    if not codes:
        return []
    several = _all_priorities(connection) if priority is None else [priority]
    found: list[int] = []
    over: list[int] = []
    for one in several:
        due: list[tuple[float, int]] = []
        for code in codes:
            rows = connection.execute(
                f"SELECT wait.due, contact.number, contact.state, {choice.sql}"
                f" {_WAITING} ORDER BY wait.due, wait.contact",
                (*choice.values, code, one, now),
            )
            due += _claimable(rows, over, limit - len(found))
        due.sort()
        found += [contact for _, contact in due[: limit - len(found)]]
        if len(found) == limit:
            break
    # They are looked at once: who comes up again later is marked anew.
    connection.executemany(
        "UPDATE wait SET is_over = 1 WHERE contact = ?", [(one,) for one in over]
    )
    return found


def _claimable(
    rows: Iterable[tuple[Any, ...]], over: list[int], limit: int
) -> list[tuple[float, int]]:
    """Return the first contacts that can be claimed; note those that never can."""
    found: list[tuple[float, int]] = []
    for due, number, state, can_be_claimed in rows:
        if can_be_claimed:
            found.append((due, number))
            if len(found) == limit:
                break
        elif state in _OVER:
            over.append(number)
    return found


def _read_fresh(
    connection: sqlite3.Connection,
    choice: _Choice,
    priority: int | None,
    after: int,
    limit: int,
) -> list[int]:
    """Return contacts that never waited, in the order of import."""
    if priority is None:
        which, values = f"contact.number > ? AND {IS_FRESH}", [after]
        table = "contact JOIN person USING (number)"
    elif priority == 0:
        which, values = f"contact.number > ? AND {_NEVER_WAITED}", [after, 0]
        table = "contact JOIN person USING (number)"
    else:
        which = "wait.due IS NULL AND wait.priority = ? AND wait.contact > ?"
        values = [priority, after]
        table = (
            "wait CROSS JOIN contact ON contact.number = wait.contact"
            " JOIN person ON person.number = wait.contact"
        )
    rows = connection.execute(
        f"SELECT contact.number FROM {table} WHERE {which} AND {choice.sql}"  # noqa: S608 - ours
        " ORDER BY contact.number LIMIT ?",
        (*values, *choice.values, limit),
    )
    return [number for (number,) in rows]


IS_FRESH: Final = (
    "NOT EXISTS (SELECT 1 FROM wait WHERE wait.contact = contact.number"
    " AND wait.due IS NOT NULL)"
)
"""SQL: whether a contact never waited."""

_PLANNED: Final = (
    "SELECT contact.number, contact.attempts, person.destination, person.pabx,"
    " person.fields, person.numbers, ifnull(wait.place, 0), ifnull(wait.priority, 0),"
    " wait.kind, wait.due, callback.at, callback.place, callback.moved,"
    " callback.is_overdue,"
    " (SELECT originating FROM attempt WHERE attempt.contact = contact.number"
    "   ORDER BY attempt.number DESC LIMIT 1)"
    "  FROM contact JOIN person USING (number)"
    "  LEFT JOIN wait ON wait.contact = contact.number"
    "  LEFT JOIN callback ON callback.contact = contact.number"
    "   AND callback.after = ifnull(contact.intent, 0)"
    " WHERE contact.number IN (SELECT value FROM json_each(?))"
)


def _read_planned(
    connection: sqlite3.Connection, numbers: Sequence[int]
) -> list[PlannedContact]:
    """Return contacts with all that rules ask for, in the order given."""
    rows = connection.execute(_PLANNED, (json.dumps(list(numbers)),))
    found = {row[0]: planned_of(row) for row in rows}
    return [found[number] for number in numbers]
