"""Queries and statements of attempts: by which number a contact is called, and when."""

from collections.abc import Collection, Sequence
from typing import Final

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
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import PostgresSession, Row

__all__ = [
    "KNOWN_EARLIER",
    "attempt_counts_query",
    "attempts_query",
    "attempts_since_query",
    "plan_attempts",
]

_CLAIMED: Final = STATE_CODES[State.CLAIMED]

KNOWN_EARLIER: Final = """
SELECT 1 FROM digitro.attempt
 WHERE campaign = %(campaign)s AND pabx = %(pabx)s AND call_id = %(call_id)s
"""
"""SQL: whether a PABX gave a call id for an attempt that is over."""

_PLAN: Final = """
SELECT digitro.plan_attempts(%s, %s, %s::bigint[], %s::integer[], %s::text[],
                             %s::text[], %s)
"""

_HAS_INTENT: Final = "coalesce(c.intent, 0) > a.after"
_BEGAN: Final = "CASE WHEN a.outcome IS NULL THEN c.sent_at ELSE a.began_at END"
_TOLD: Final = f"""
  FROM digitro.attempt AS a
  JOIN digitro.campaign AS n ON n.number = a.campaign
  JOIN digitro.contact AS c ON c.campaign = a.campaign AND c.number = a.contact
  LEFT JOIN digitro.call_end AS e ON e.intent =
       CASE WHEN a.outcome IS NOT NULL THEN a.intent
            WHEN {_HAS_INTENT} THEN c.intent END
"""
"""SQL: the attempts, each with its contact and the end of its call."""

_ATTEMPTS: Final = f"""
SELECT a.contact, a.number, n.name, a.key, a.place, a.originating, a.outcome, {_BEGAN},
       c.state, {_HAS_INTENT}, e.answered_at, e.ended_at, e.disposition
{_TOLD}
 WHERE (a.outcome IS NOT NULL OR {_HAS_INTENT} OR c.state = {_CLAIMED})
"""
_UNPLANNED: Final = """
SELECT c.number, NULL, n.name, NULL, c.place::integer, NULL, NULL, c.sent_at,
       c.state, true, e.answered_at, e.ended_at, e.disposition
  FROM digitro.contact AS c
  JOIN digitro.campaign AS n ON n.number = c.campaign
  LEFT JOIN digitro.call_end AS e ON e.intent = c.intent
 WHERE digitro.is_unplanned(c)
"""

_MAY_HAVE_RUNG: Final = ", ".join(str(OUTCOME_CODES[one]) for one in RANG)
_CAME_TO_RING: Final = ", ".join(str(STATE_CODES[LED_TO[one]]) for one in RANG)
_COUNTS: Final = f"""
SELECT disposition, count(*) FROM (
    SELECT e.disposition {_TOLD} WHERE a.campaign = %(campaign)s
       AND (a.outcome IN ({_MAY_HAVE_RUNG})
            OR a.outcome IS NULL AND {_HAS_INTENT} AND c.state IN ({_CAME_TO_RING}))
    UNION ALL
    SELECT e.disposition FROM digitro.contact AS c
      LEFT JOIN digitro.call_end AS e ON e.intent = c.intent
     WHERE c.campaign = %(campaign)s AND c.state IN ({_CAME_TO_RING})
       AND digitro.is_unplanned(c)) AS one
 GROUP BY disposition
"""  # noqa: S608 - our own numbers

_OF: Final = f"""
{_ATTEMPTS} AND a.campaign = %(campaign)s AND a.contact = ANY (%(contacts)s::bigint[])
UNION ALL {_UNPLANNED} AND c.campaign = %(campaign)s
      AND c.number = ANY (%(contacts)s::bigint[])
UNION ALL {_ATTEMPTS} AND a.key = ANY (%(keys)s::text[])
      AND NOT (a.campaign = %(campaign)s AND a.contact = ANY (%(contacts)s::bigint[]))
"""
# Two indexes rather than one look at all: what is over has its own time.
_SINCE: Final = f"""
{_ATTEMPTS} AND a.outcome IS NOT NULL AND a.began_at >= %(when)s
UNION ALL {_ATTEMPTS} AND a.outcome IS NULL AND {_HAS_INTENT} AND c.sent_at >= %(when)s
UNION ALL {_UNPLANNED} AND c.sent_at >= %(when)s
"""


async def plan_attempts(
    session: PostgresSession,
    campaign: int,
    *,
    owner: ClaimOwner,
    plans: Sequence[AttemptPlan],
    hold_numbers: bool,
) -> list[int]:
    """Note by which numbers contacts are about to be called; see ``Schedule.plan``."""
    values = (
        [plan.number for plan in plans],
        [plan.place for plan in plans],
        [plan.key.reveal() for plan in plans],
        [plan.originating for plan in plans],
    )
    ((left,),) = await session.execute(
        _PLAN, (campaign, owner.id, *values, hold_numbers)
    )
    return list(left)


def attempts_query(
    contacts: Sequence[int], keys: Collection[int]
) -> Query[list[LedgerAttempt]]:
    """Return the query of attempts of contacts and by numbers, of any campaign."""
    values = {"contacts": list(contacts), "keys": [str(key) for key in keys]}
    return Query(_OF, _in_order, values)


def attempts_since_query(when: float) -> Query[list[LedgerAttempt]]:
    """Return the query of attempts that began since a moment, of any campaign."""
    return Query(_SINCE, _in_order, {"when": when})


def attempt_counts_query() -> Query[AttemptCounts]:
    """Return the query of how many attempts of this campaign may have rung."""
    return Query(_COUNTS, counts_of)


def _in_order(rows: list[Row]) -> list[LedgerAttempt]:
    """Return attempts by contact, in order; what nobody planned is the last one."""
    rows.sort(key=lambda row: (row[0], row[2], row[1] is None, row[1] or 0))
    return [attempt_of(row[0], row[3:], row[2]) for row in rows]
