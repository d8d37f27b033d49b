"""The query of the slices in which contacts are pending."""

from typing import Final

from digitro_async.ledger._codes import STATE_CODES
from digitro_async.ledger._slices_port import LedgerSlice
from digitro_async.ledger._state import State
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import Row

__all__ = ["pending_slices_query", "whole_until_query"]

_NO_LIMIT: Final = 2**31 - 1
_LAST: Final = 2**62
_PENDING: Final = f"campaign = %(campaign)s AND state = {STATE_CODES[State.PENDING]}"
_IS_DUE: Final = (
    "coalesce(due, 0) <="
    " coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp()))"
)
# Never above the contacts that are there in this very moment: of an import that begins
# later none is claimed either.
_WHOLE_UNTIL: Final = """
SELECT least(contacts, (SELECT min(contacts_before) FROM digitro.import
                         WHERE campaign = %(campaign)s
                           AND ended_at IS NULL AND successor IS NULL))
  FROM digitro.campaign WHERE number = %(campaign)s
"""
_NEXT: Final = f"""
       SELECT (number - 1) / %(size)s AS slice FROM digitro.contact
        WHERE {_PENDING} AND {_IS_DUE} AND failures < %(attempts)s AND number > {{}}
          AND number <= %(last)s
        ORDER BY number LIMIT 1"""  # noqa: S608 - our own numbers

# From one slice to the next by the index of pending contacts: what lies between the
# first and the last contact of a slice is passed over.
_SLICES: Final = f"""
WITH RECURSIVE found AS (
       (SELECT slice, 1 AS count FROM ({_NEXT.format("%(after)s")}) AS first)
       UNION ALL
       SELECT following.slice, found.count + 1
         FROM found CROSS JOIN LATERAL ({_NEXT.format("(found.slice + 1) * %(size)s")}
              ) AS following
        WHERE found.count < %(most)s
)
SELECT DISTINCT found.slice, p.pabx
  FROM found
  JOIN digitro.contact AS c
    ON c.{_PENDING.replace("AND state", "AND c.state")} AND c.failures < %(attempts)s
   AND {_IS_DUE}
   AND c.number BETWEEN found.slice * %(size)s + 1
                    AND least((found.slice + 1) * %(size)s, %(last)s)
  JOIN digitro.person AS p ON p.campaign = c.campaign AND p.number = c.number
 ORDER BY found.slice, p.pabx
"""  # noqa: S608 - our own numbers


def pending_slices_query(
    size: int,
    most: int,
    after: int,
    last: int | None,
    max_attempts: int | None,
    *,
    now: float | None,
) -> Query[list[LedgerSlice]]:
    """Return the query of slices in which contacts are pending.

    See ``SlicedLedger.pending_slices``.
    """

    def read(rows: list[Row]) -> list[LedgerSlice]:
        return [
            LedgerSlice(range(number * size + 1, (number + 1) * size + 1), pabx)
            for number, pabx in rows
        ]

    attempts = _NO_LIMIT if max_attempts is None else max_attempts
    values: dict[str, object] = {"size": size, "most": most, "after": after}
    values |= {"attempts": attempts, "now": now}
    return Query(_SLICES, read, {**values, "last": _LAST if last is None else last})


def whole_until_query() -> Query[int]:
    """Return the query of the number behind which a list may lack its end."""
    return Query(_WHOLE_UNTIL, lambda rows: int(rows[0][0]))
