"""Queries of what a campaign in a database tells of the past."""

from collections.abc import Collection
from typing import Final

from digitro_async.ledger._codes import (
    DISPOSITIONS,
    STATE_CODES,
    STATES,
    STEP_CODES,
    STEPS,
    WAITS,
)
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    StepRecord,
)
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import Row
from digitro_async.ledger.postgres._stored_texts import original_text
from digitro_async.privacy import Personal

__all__ = [
    "contacts_query",
    "ends_query",
    "steps_query",
    "waiting_contacts_query",
]

_PAGE: Final = 5_000
"""Steps or ends that are read at once; no snapshot is held between two pages."""

_STEPS: Final = f"""
SELECT sequence, contact, step, at, pabx,
       CASE WHEN step IN ({STEP_CODES[Step.RECONCILE_ACCEPTED]},
                          {STEP_CODES[Step.RECONCILE_NOT_PLACED]})
            THEN NULL ELSE reason END
  FROM digitro.event
 WHERE campaign = %(campaign)s AND sequence > %(after)s
 ORDER BY sequence LIMIT {_PAGE}
"""  # noqa: S608 - our own numbers

_ENDS: Final = f"""
SELECT e.intent, e.contact, i.pabx, i.at, e.disposition,
       e.rang_at, e.answered_at, e.ended_at
  FROM digitro.call_end AS e JOIN digitro.event AS i ON i.sequence = e.intent
 WHERE e.campaign = %(campaign)s AND e.intent > %(after)s
 ORDER BY e.intent LIMIT {_PAGE}
"""  # noqa: S608 - our own number

_PENDING: Final = STATE_CODES[State.PENDING]

_LISTED: Final = f"""
SELECT c.number, c.line, c.state, c.attempts, c.pabx, c.reason,
       coalesce(c.settled_at, c.sent_at), p.destination,
       CASE WHEN c.state = {_PENDING} THEN c.due END,
       CASE WHEN c.state = {_PENDING} THEN c.wait END
  FROM digitro.contact AS c
  LEFT JOIN digitro.person AS p ON p.campaign = c.campaign AND p.number = c.number
 WHERE c.campaign = %(campaign)s
"""  # noqa: S608 - our own number

_CONTACTS: Final = f"""
{_LISTED} AND c.state = ANY (%(states)s) ORDER BY c.number LIMIT %(limit)s
"""

_WAITING: Final = f"""
{_LISTED} AND c.state = {_PENDING} AND c.due > %(now)s
 ORDER BY c.due, c.number LIMIT %(limit)s
"""


def steps_query(after: int) -> Query[list[StepRecord]]:
    """Return the query of steps with sequence numbers above ``after``."""
    return Query(
        _STEPS,
        lambda rows: [
            StepRecord(sequence, contact, STEPS[step], at, pabx, reason)
            for sequence, contact, step, at, pabx, reason in rows
        ],
        {"after": after},
    )


def ends_query(after: int) -> Query[tuple[list[EndRecord], int]]:
    """Return the query of the ends of calls whose intents are above ``after``."""

    def read(rows: list[Row]) -> tuple[list[EndRecord], int]:
        ends = [
            EndRecord(
                contact, pabx or "", at, DISPOSITIONS[code], rang, answered, ended
            )
            for _, contact, pabx, at, code, rang, answered, ended in rows
        ]
        return ends, rows[-1][0] if rows else after

    return Query(_ENDS, read, {"after": after})


def contacts_query(states: Collection[State], limit: int) -> Query[list[ListedContact]]:
    """Return the query of the first contacts that are in one of some states."""
    values = {"states": [STATE_CODES[state] for state in states], "limit": limit}
    return Query(_CONTACTS, lambda rows: [_listed(row) for row in rows], values)


def waiting_contacts_query(now: float, limit: int) -> Query[list[ListedContact]]:
    """Return the query of the contacts that wait, the first that is due first."""
    values = {"now": now, "limit": limit}
    return Query(_WAITING, lambda rows: [_listed(row) for row in rows], values)


def _listed(row: Row) -> ListedContact:
    number, line, state, attempts, pabx, reason, at, destination, due, wait = row
    number_text = None if destination is None else original_text(destination)
    return ListedContact(
        number=number,
        line=line,
        state=STATES[state],
        attempts=attempts,
        pabx=pabx,
        reason=reason,
        at=at,
        destination=None if number_text is None else Personal(number_text),
        due=due,
        wait=None if wait is None else WAITS[wait],
    )
