"""The query of how many contacts of a campaign in a database wait, and until when."""

from typing import Final

from digitro_async.ledger._codes import STATE_CODES, WAIT_CODES, WAITS
from digitro_async.ledger._records import WaitKind
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import Row

__all__ = ["waiting_query"]

_PENDING: Final = STATE_CODES[State.PENDING]
_DEFERRED: Final = WAIT_CODES[WaitKind.DEFERRED]

_WAITING: Final = f"""
SELECT wait, CASE wait WHEN {_DEFERRED} THEN coalesce(reason, '') ELSE '' END,
       count(*), min(due)
  FROM digitro.contact
 WHERE campaign = %(campaign)s AND state = {_PENDING} AND due IS NOT NULL
   AND due > %(now)s GROUP BY 1, 2
"""  # noqa: S608 - our own numbers


def waiting_query(now: float) -> Query[WaitCounts]:
    """Return the query of how many pending contacts wait, and until when."""

    def read(rows: list[Row]) -> WaitCounts:
        kinds: dict[WaitKind, int] = {}
        for code, _, count, _ in rows:
            kinds[WAITS[code]] = kinds.get(WAITS[code], 0) + count
        return WaitCounts(
            kinds=kinds,
            reasons={why: count for code, why, count, _ in rows if code == _DEFERRED},
            next_due=min((first for *_, first in rows), default=None),
        )

    return Query(_WAITING, read, {"now": now})
