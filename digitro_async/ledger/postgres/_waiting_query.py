"""The query of how many contacts of a campaign in a database wait, and until when."""

from collections.abc import Collection
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, WAIT_CODES, WAITS
from digitro_async.ledger._records import WaitKind
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import Row

__all__ = ["waiting_query"]

_NO_LIMIT: Final = 2**31 - 1
_PENDING: Final = STATE_CODES[State.PENDING]
_DEFERRED: Final = WAIT_CODES[WaitKind.DEFERRED]

_WAITING: Final = f"""
SELECT wait, CASE wait WHEN {_DEFERRED} THEN coalesce(reason, '') ELSE '' END,
       count(*), min(due)
  FROM digitro.contact
 WHERE campaign = %(campaign)s AND state = {_PENDING} AND due IS NOT NULL
   AND due > %(now)s AND failures < %(most)s{{}} GROUP BY 1, 2
"""  # noqa: S608 - our own numbers
_OF_PABX: Final = """
   AND EXISTS (SELECT FROM digitro.person AS p
                WHERE p.campaign = contact.campaign AND p.number = contact.number
                  AND coalesce(p.pabx, '') = ANY (%(pabx)s::text[]))"""


def waiting_query(
    now: float,
    max_attempts: int | None = None,
    pabx: Collection[str | None] | None = None,
) -> Query[WaitCounts]:
    """Return the query of how many pending contacts wait, and until when.

    Args:
        now: See ``Schedule.waiting``, as for the others.
        max_attempts: Attempts after which a contact is left out.
        pabx: Only contacts of these PABX.
    """

    def read(rows: list[Row]) -> WaitCounts:
        kinds: dict[WaitKind, int] = {}
        for code, _, count, _ in rows:
            kinds[WAITS[code]] = kinds.get(WAITS[code], 0) + count
        return WaitCounts(
            kinds=kinds,
            reasons={why: count for code, why, count, _ in rows if code == _DEFERRED},
            next_due=min((first for *_, first in rows), default=None),
        )

    most = _NO_LIMIT if max_attempts is None else max_attempts
    names = None if pabx is None else [one or "" for one in pabx]
    statement = _WAITING.format("" if pabx is None else _OF_PABX)
    return Query(statement, read, {"now": now, "most": most, "pabx": names})
