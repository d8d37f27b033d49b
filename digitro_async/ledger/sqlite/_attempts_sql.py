"""SQL of attempts: by which number a contact is called, and what came of it.

The last attempt of a contact takes what is known of it from the contact itself, so that
calls cost nothing more. Once something else follows, it is ended: it gets a copy.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, Final

from digitro_async.errors import Outcome
from digitro_async.ledger._codes import OUTCOME_CODES, STATE_CODES
from digitro_async.ledger._records import ClaimOwner
from digitro_async.ledger._schedule_records import (
    AttemptCounts,
    AttemptPlan,
    LedgerAttempt,
)
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_schedule import (
    LED_TO,
    RANG,
    attempt_of,
    counts_of,
)

__all__ = [
    "KNOWN_EARLIER",
    "UNCOVERED",
    "attempts_of_contacts",
    "attempts_since",
    "count_attempts",
    "doubt_attempt",
    "end_attempt",
    "end_plans",
    "plan_attempts",
    "watch_call_ids",
]

_CLAIMED, _INTENT = STATE_CODES[State.CLAIMED], STATE_CODES[State.INTENT]

_OUTCOME: Final = (
    "CASE contact.state "
    + " ".join(
        f"WHEN {STATE_CODES[state]} THEN {OUTCOME_CODES[outcome]}"
        for outcome, state in LED_TO.items()
    )
    + f" ELSE {OUTCOME_CODES[Outcome.NOT_SENT]} END"
)
"""SQL: the outcome of a contact's last attempt, which is over."""

_HAS_INTENT: Final = "ifnull(contact.intent, 0) > attempt.after"
"""SQL: whether an intent followed an attempt's plan, of an attempt that goes on."""

_END: Final = (
    f"UPDATE attempt SET outcome = {_OUTCOME}, intent = ifnull(contact.intent, 0),"  # noqa: S608 - ours
    " began_at = contact.sent_at, pabx = contact.pabx, call_id = contact.call_id"
    "  FROM contact WHERE contact.number = attempt.contact"
    f" AND attempt.outcome IS NULL AND {_HAS_INTENT}"
    " AND attempt.contact IN (SELECT value FROM json_each(?))"
)
_DROP: Final = (
    "DELETE FROM attempt WHERE outcome IS NULL"
    " AND contact IN (SELECT value FROM json_each(?))"
)

_IS_COVERED: Final = (
    "EXISTS (SELECT 1 FROM attempt WHERE attempt.contact = contact.number"
    " AND (attempt.outcome IS NULL OR attempt.intent = ifnull(contact.intent, 0)))"
)
"""SQL: whether a contact's last intent is that of an attempt."""

_CALLED: Final = ", ".join(
    str(STATE_CODES[one]) for one in (State.INTENT, *LED_TO.values())
)

UNCOVERED: Final = (
    f"contact.sent_at IS NOT NULL AND contact.state IN ({_CALLED})"
    f" AND NOT {_IS_COVERED}"
)
"""SQL: whether a contact was called last by a run that plans no attempts."""

KNOWN_EARLIER: Final = "SELECT 1 FROM attempt WHERE pabx = ? AND call_id = ?"
"""SQL: whether a PABX gave a call id for an attempt that is over."""

_WATCH: Final = """
CREATE TEMP TRIGGER IF NOT EXISTS earlier_call_id
BEFORE UPDATE OF call_id ON main.contact WHEN NEW.call_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM attempt
                 WHERE attempt.pabx = NEW.pabx AND attempt.call_id = NEW.call_id)
BEGIN SELECT RAISE(ABORT, 'a PABX gave a call id again'); END
"""


def watch_call_ids(connection: sqlite3.Connection) -> None:
    """Let no acceptance have the call id of an attempt that is over.

    The contacts alone know those of all other calls. While no attempt was followed by
    another one there is nothing to watch, and nothing that calls have to pay for.
    """
    found = connection.execute(
        "SELECT 1 FROM attempt WHERE call_id IS NOT NULL LIMIT 1"
    )
    if found.fetchone() is not None:
        connection.execute(_WATCH)


def end_plans(connection: sqlite3.Connection, contacts: Sequence[int]) -> None:
    """End the attempts of contacts that are claimed anew; drop plans without an intent.

    Args:
        connection: The ledger's.
        contacts: Numbers of the contacts.
    """
    numbers = json.dumps(list(contacts))
    connection.execute(_END, (numbers,))
    connection.execute(_DROP, (numbers,))


def end_attempt(connection: sqlite3.Connection, contact: int, place: int) -> None:
    """End the last attempt of a contact that is to be called again.

    Args:
        connection: The ledger's.
        contact: Number of the contact.
        place: Place of the number that it was called by, where nobody planned that.
    """
    connection.execute(
        "INSERT INTO attempt (contact, after, place)"  # noqa: S608 - ours
        f" SELECT number, -1, ? FROM contact WHERE number = ? AND {UNCOVERED}",
        (place, contact),
    )
    connection.execute(_END, (json.dumps([contact]),))
    watch_call_ids(connection)


def doubt_attempt(connection: sqlite3.Connection, contact: int) -> None:
    """Note that a contact's last attempt may have rung a phone after all."""
    connection.execute(
        "UPDATE attempt SET outcome = ? WHERE contact = ? AND outcome = ?"
        " AND intent = (SELECT ifnull(intent, 0) FROM contact WHERE number = ?)",
        (
            OUTCOME_CODES[Outcome.UNKNOWN],
            contact,
            OUTCOME_CODES[Outcome.NOT_SENT],
            contact,
        ),
    )


def plan_attempts(
    connection: sqlite3.Connection,
    owner: ClaimOwner,
    plans: Sequence[AttemptPlan],
    *,
    hold_numbers: bool,
) -> list[int]:
    """Note by which numbers claimed contacts are about to be called; see ``Schedule``.

    Returns:
        Contacts that are left out.
    """
    numbers = json.dumps([plan.number for plan in plans])
    intents: dict[int, int] = dict(
        connection.execute(
            "SELECT number, ifnull(intent, 0) FROM contact WHERE state = ?"
            " AND owner = (SELECT number FROM owner WHERE id = ?)"
            " AND number IN (SELECT value FROM json_each(?))",
            (_CLAIMED, owner.id, numbers),
        )
    )
    held = _held_keys(connection, plans) if hold_numbers else {}
    made: dict[int, AttemptPlan] = {}
    left: list[int] = []
    for plan in plans:
        holders = set[int]()
        if hold_numbers:
            holders = held.setdefault(plan.key.reveal(), holders)
        if plan.number not in intents or holders - {plan.number}:
            left.append(plan.number)
            continue
        holders.add(plan.number)
        made[plan.number] = plan
    end_plans(connection, list(made))
    connection.executemany(
        "INSERT INTO attempt (contact, after, place, key, originating)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (
                *(number, intents[number], plan.place),
                *(plan.key.reveal(), plan.originating),
            )
            for number, plan in made.items()
        ],
    )
    return left


def _held_keys(
    connection: sqlite3.Connection, plans: Sequence[AttemptPlan]
) -> dict[str, set[int]]:
    """Return the keys that are planned or on the wire, and by which contacts."""
    held: dict[str, set[int]] = {}
    rows = connection.execute(
        "SELECT attempt.key, attempt.contact"
        "  FROM attempt JOIN contact ON contact.number = attempt.contact"
        " WHERE attempt.key IN (SELECT value FROM json_each(?))"
        "   AND attempt.outcome IS NULL AND contact.state IN (?, ?)",
        (_keys_text([plan.key.reveal() for plan in plans]), _CLAIMED, _INTENT),
    )
    for key, contact in rows:
        held.setdefault(str(key), set()).add(contact)
    return held


def _keys_text(keys: Collection[int | str]) -> str:
    return json.dumps([str(key) for key in keys])


_COLUMNS: Final = (
    "attempt.contact, attempt.key, attempt.place, attempt.originating, attempt.outcome,"
    " iif(attempt.outcome IS NULL, contact.sent_at, attempt.began_at), contact.state,"
    f" {_HAS_INTENT}, told.answered_at, told.ended_at, told.disposition"
)
_TOLD: Final = (
    "  FROM attempt JOIN contact ON contact.number = attempt.contact"
    "  LEFT JOIN call_end AS told ON told.intent ="
    "       iif(attempt.outcome IS NULL, contact.intent, attempt.intent)"
    "       AND (attempt.outcome IS NOT NULL OR contact.intent > attempt.after)"
)
"""SQL: the attempts, each with its contact and the end of its call."""

_ATTEMPTS: Final = (
    f"SELECT attempt.number, {_COLUMNS} {_TOLD}"
    f" WHERE (attempt.outcome IS NOT NULL OR {_HAS_INTENT}"
    f"        OR contact.state = {_CLAIMED})"
)
_UNPLANNED: Final = (
    "SELECT NULL, contact.number, NULL, ifnull(wait.place, 0), NULL, NULL,"  # noqa: S608 - ours
    " contact.sent_at, contact.state, 1, told.answered_at, told.ended_at,"
    " told.disposition"
    "  FROM contact LEFT JOIN wait ON wait.contact = contact.number"
    "  LEFT JOIN call_end AS told ON told.intent = contact.intent"
    f" WHERE {UNCOVERED}"
)


_MAY_HAVE_RUNG: Final = ", ".join(str(OUTCOME_CODES[one]) for one in RANG)
_CAME_TO_RING: Final = ", ".join(str(STATE_CODES[LED_TO[one]]) for one in RANG)
_COUNTS: Final = (
    "SELECT disposition, count(*) FROM ("  # noqa: S608 - ours
    f"SELECT told.disposition {_TOLD} WHERE attempt.outcome IN ({_MAY_HAVE_RUNG})"
    f"    OR (attempt.outcome IS NULL AND {_HAS_INTENT}"
    f"        AND contact.state IN ({_CAME_TO_RING}))"
    " UNION ALL SELECT told.disposition FROM contact"
    "  LEFT JOIN call_end AS told ON told.intent = contact.intent"
    f" WHERE {UNCOVERED} AND contact.state IN ({_CAME_TO_RING})"
    ") GROUP BY disposition"
)

_GIVEN: Final = "(SELECT value FROM json_each(?))"


def attempts_of_contacts(
    connection: sqlite3.Connection, contacts: Sequence[int], keys: Collection[int]
) -> list[LedgerAttempt]:
    """Return the attempts of contacts and of numbers; see ``Schedule.attempts_of``."""
    numbers = json.dumps(list(contacts))
    rows = connection.execute(
        f"{_ATTEMPTS} AND attempt.contact IN {_GIVEN}",
        (numbers,),
    ).fetchall()
    rows += connection.execute(
        f"{_UNPLANNED} AND contact.number IN {_GIVEN}",
        (numbers,),
    ).fetchall()
    if keys:
        known = {row[0] for row in rows}
        rows += [
            row
            for row in connection.execute(
                f"{_ATTEMPTS} AND attempt.key IN {_GIVEN}",
                (_keys_text(keys),),
            )
            if row[0] not in known
        ]
    return _in_order(rows)


def attempts_since(connection: sqlite3.Connection, when: float) -> list[LedgerAttempt]:
    """Return all attempts that began since a moment."""
    rows = connection.execute(
        f"{_ATTEMPTS} AND iif(attempt.outcome IS NULL, contact.sent_at,"
        f" attempt.began_at) >= ? AND (attempt.outcome IS NOT NULL OR {_HAS_INTENT})",
        (when,),
    ).fetchall()
    rows += connection.execute(f"{_UNPLANNED} AND contact.sent_at >= ?", (when,))
    return _in_order(rows)


def count_attempts(connection: sqlite3.Connection) -> AttemptCounts:
    """Return how many attempts are over and may have rung, and how they ended."""
    return counts_of(connection.execute(_COUNTS))


def _in_order(rows: list[tuple[Any, ...]]) -> list[LedgerAttempt]:
    """Return attempts by contact, in order; what nobody planned is the last one."""
    rows.sort(key=lambda row: (row[1], row[0] is None, row[0] or 0))
    return [attempt_of(row[1], row[2:]) for row in rows]
