"""Queries of what a campaign in a database tells of the past."""

from collections.abc import Callable, Collection
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    RecordFence,
    StepRecord,
)
from digitro_async.ledger._state import State, Step
from digitro_async.ledger._stored_records import ends_of, listed_of, steps_of
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import Row
from digitro_async.ledger.postgres._result_sql import (
    LAST_EVENT,
    LAST_TOLD,
    WRITERS,
)
from digitro_async.ledger.postgres._stored_texts import original_or_none

__all__ = [
    "contacts_query",
    "ends_query",
    "read_fence",
    "steps_query",
    "told_query",
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
SELECT e.contact, i.pabx, i.at, e.disposition,
       e.rang_at, e.answered_at, e.ended_at, e.told, e.intent
  FROM digitro.call_end AS e JOIN digitro.event AS i ON i.sequence = e.intent
 WHERE e.campaign = %(campaign)s AND (e.told, e.intent) > (%(told)s, %(intent)s)
 ORDER BY e.told, e.intent LIMIT {_PAGE}
"""  # noqa: S608 - our own number

_TOLD: Final = """
SELECT count(*) FROM digitro.call_end
 WHERE campaign = %(campaign)s AND told <= %(until)s
"""

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
    return Query(_STEPS, steps_of, {"after": after})


def ends_query(after: tuple[int, int]) -> Query[list[EndRecord]]:
    """Return the query of the ends of calls whose places are behind another one."""
    return Query(_ENDS, ends_of, {"told": after[0], "intent": after[1]})


def told_query(until: int) -> Query[int]:
    """Return the query of how many ends were told at a place or before it."""
    return Query(_TOLD, lambda rows: int(rows[0][0]), {"until": until})


def read_fence(ask: Callable[[Query[list[Row]]], list[Row]]) -> RecordFence:
    """Return up to where all can be seen, once those who write now have ended.

    Args:
        ask: Returns the rows of a query.
    """
    # Ends first, and who writes last: whoever is not seen there has ended.
    ((told,),), ((step,),), writers = (
        ask(Query(one, lambda rows: rows, {}))
        for one in (LAST_TOLD, LAST_EVENT, WRITERS)
    )
    return RecordFence(step, told, frozenset(one for (one,) in writers))


def contacts_query(states: Collection[State], limit: int) -> Query[list[ListedContact]]:
    """Return the query of the first contacts that are in one of some states."""
    values = {"states": [STATE_CODES[state] for state in states], "limit": limit}
    return Query(_CONTACTS, lambda rows: [_listed(row) for row in rows], values)


def waiting_contacts_query(now: float, limit: int) -> Query[list[ListedContact]]:
    """Return the query of the contacts that wait, the first that is due first."""
    values = {"now": now, "limit": limit}
    return Query(_WAITING, lambda rows: [_listed(row) for row in rows], values)


def _listed(row: Row) -> ListedContact:
    return listed_of((*row[:7], original_or_none(row[7]), *row[8:]))
