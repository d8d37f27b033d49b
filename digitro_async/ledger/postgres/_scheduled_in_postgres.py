"""Claims contacts of a campaign in a database by what they waited for."""

from collections.abc import Collection, Sequence
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, WAIT_CODES
from digitro_async.ledger._records import ClaimOwner, WaitKind
from digitro_async.ledger._schedule_records import PlannedContact
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_schedule import planned_of
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import PostgresSession
from digitro_async.ledger.postgres._stored_texts import original_text

__all__ = ["claim_scheduled", "priorities_query"]

_NO_LIMIT: Final = 2**31 - 1
_LAST: Final = 2**62

_CLAIM: Final = """
SELECT digitro.claim_scheduled(%s, %s, %s, %s, %s, %s, %s::smallint[], %s, %s, %s, %s,
                               %s, %s, %s, %s)
"""
_PLANNED: Final = """
SELECT c.number, c.attempts, p.destination, p.pabx, p.fields, p.numbers, c.place,
       c.priority, c.wait, c.due, b.at, b.place, b.moved, b.is_overdue,
       (SELECT a.originating FROM digitro.attempt AS a
         WHERE a.campaign = c.campaign AND a.contact = c.number
         ORDER BY a.number DESC LIMIT 1)
  FROM digitro.contact AS c
  JOIN digitro.person AS p ON p.campaign = c.campaign AND p.number = c.number
  LEFT JOIN digitro.callback AS b ON b.campaign = c.campaign AND b.contact = c.number
   AND b.after = coalesce(c.intent, 0)
 WHERE c.campaign = %s AND c.number = ANY (%s::bigint[])
"""

_PENDING: Final = (
    f"c.campaign = %(campaign)s AND c.state = {STATE_CODES[State.PENDING]}"
)
# From one priority to the next by the index: none is read through.
_STEPS: Final = """
    {name} AS (
        (SELECT max(c.priority)::integer AS priority FROM digitro.contact AS c
          WHERE {which})
        UNION ALL
        SELECT (SELECT max(c.priority)::integer FROM digitro.contact AS c
                 WHERE {which} AND c.priority < {name}.priority)
          FROM {name} WHERE {name}.priority IS NOT NULL
    )"""
_DUE: Final = _STEPS.format(name="due", which=f"{_PENDING} AND c.due IS NOT NULL")
_FRESH: Final = _STEPS.format(
    name="fresh", which=f"{_PENDING} AND c.due IS NULL AND c.priority <> 0"
)
_PRIORITIES: Final = f"""
WITH RECURSIVE {_DUE}, {_FRESH}
SELECT priority FROM due WHERE priority IS NOT NULL
UNION SELECT priority FROM fresh WHERE priority IS NOT NULL
UNION SELECT 0 WHERE EXISTS (
      SELECT FROM digitro.contact AS c
       WHERE {_PENDING} AND c.due IS NULL AND c.priority = 0)
ORDER BY 1 DESC
"""  # noqa: S608 - our own numbers


async def claim_scheduled(
    session: PostgresSession,
    campaign: int,
    *,
    owner: ClaimOwner,
    lease: float,
    lease_time: float | None,
    limit: int,
    now: float,
    kinds: Collection[WaitKind | None],
    priority: int | None,
    after: int,
    max_attempts: int | None,
    within: range | None,
    pabx: Collection[str | None] | None,
) -> tuple[int, list[PlannedContact]]:
    """Claim contacts, and begin the owner's lease anew; see ``Schedule.claim``.

    Returns:
        The database's number of the owner, and the contacts.
    """
    first, last = (0, _LAST) if within is None else (within.start, within.stop - 1)
    rows = await session.execute(
        _CLAIM,
        (
            *(campaign, owner.id, owner.label, lease, limit, now),
            [WAIT_CODES[kind] for kind in kinds if kind is not None],
            *(None in kinds, priority, after, first, last),
            _NO_LIMIT if max_attempts is None else max_attempts,
            None if pabx is None else [one or "" for one in pabx],
            lease_time,
        ),
    )
    number, *claimed = [one for (one,) in rows]
    return int(number), await _read_planned(session, campaign, claimed)


def priorities_query() -> Query[list[int]]:
    """Return the query of the priorities of pending contacts, the highest first."""
    return Query(_PRIORITIES, lambda rows: [int(one) for (one,) in rows])


async def _read_planned(
    session: PostgresSession, campaign: int, numbers: Sequence[int]
) -> list[PlannedContact]:
    """Return contacts with all that rules ask for, in the order given."""
    if not numbers:
        return []
    rows = await session.execute(_PLANNED, (campaign, list(numbers)))
    found = {
        number: planned_of((number, attempts, original_text(destination), *others))
        for number, attempts, destination, *others in rows
    }
    return [found[number] for number in numbers]
