"""Queries of a campaign in a database, for its owners and for readers."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import attrs

from digitro_async.ledger._call_ends_port import AwaitedEnd, EndCounts
from digitro_async.ledger._codes import (
    DISPOSITIONS,
    STATE_CODES,
    STATES,
    STEP_CODES,
)
from digitro_async.ledger._records import ContactRecord, Import
from digitro_async.ledger._state import State, Step
from digitro_async.ledger._stored_ends import END_VALUES
from digitro_async.ledger._stored_records import record_of
from digitro_async.ledger.postgres._postgres_session import Row
from digitro_async.ledger.postgres._stored_texts import original_or_none

__all__ = [
    "EVENTS",
    "GETS_END",
    "PAGE",
    "Query",
    "awaited_of",
    "count_ends_query",
    "count_exhausted_query",
    "count_query",
    "imports_query",
    "last_event_query",
    "page_query",
    "read_awaited_query",
    "setting_query",
]

PAGE: Final = 1_000
"""Contacts that are read at once when all are shown. No snapshot is held between two
pages: one that is held for minutes keeps the server from cleaning up behind calls."""

_Answer_co = TypeVar("_Answer_co", covariant=True)

_ACCEPTED, _UNKNOWN = STATE_CODES[State.ACCEPTED], STATE_CODES[State.UNKNOWN]
_ENDED: Final = f"c.state IN ({_ACCEPTED}, {_UNKNOWN})"
"""SQL: whether the call of a contact has an end to show."""

GETS_END: Final = (
    f"({_ENDED} OR c.state = {STATE_CODES[State.PENDING]} AND c.call_id IS NOT NULL)"
)
"""SQL: whether a contact's last call gets an end: also where another call was agreed on
while that one went on."""

_COUNT: Final = f"""
SELECT {", ".join(f"sum({STATES[code]})" for code in sorted(STATES))}
  FROM digitro.tally WHERE campaign = %(campaign)s
"""  # noqa: S608 - our own names

_EXHAUSTED: Final = f"""
SELECT count(*) FROM digitro.contact
 WHERE campaign = %(campaign)s AND state = {STATE_CODES[State.PENDING]}
   AND failures >= %(most)s
"""  # noqa: S608 - our own numbers

_PAGE: Final = f"""
SELECT c.number, p.id, c.line, c.state, c.call_id, c.pabx, c.attempts, c.reason,
       c.sent_at, c.settled_at, told.reason, c.due, c.wait, c.priority,
       {", ".join(f"e.{v}" for v in END_VALUES)}
  FROM digitro.contact AS c
  JOIN digitro.person AS p ON p.campaign = c.campaign AND p.number = c.number
  LEFT JOIN digitro.call_end AS e ON {_ENDED} AND e.intent = c.intent
  LEFT JOIN LATERAL (
       SELECT reason FROM digitro.event
        WHERE campaign = c.campaign AND contact = c.number
          AND step IN ({STEP_CODES[Step.RECONCILE_ACCEPTED]},
                       {STEP_CODES[Step.RECONCILE_NOT_PLACED]})
        ORDER BY sequence DESC LIMIT 1) AS told ON true
 WHERE c.campaign = %(campaign)s AND c.number > %(after)s
 ORDER BY c.number LIMIT {PAGE}
"""  # noqa: S608 - our own numbers

_TEXTS: Final = (1, 4, 15)
"""Places of the id, the call id and the word of an end in a row of ``_PAGE``."""

_IMPORTS: Final = (
    "number, file, size, began_at, ended_at, successor, new,"
    " contacts - new - repeated, repeated, rejected"
)
"""SQL: the columns of which an import is made."""

_LISTENED: Final = f"""
  FROM digitro.contact AS c
  JOIN digitro.listening AS l ON l.owner = c.owner AND l.pabx = c.pabx
 WHERE c.campaign = %(campaign)s AND {GETS_END} AND c.intent IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM digitro.call_end AS e WHERE e.intent = c.intent)
"""  # noqa: S608 - our own numbers

_COUNT_ENDS: Final = f"""
SELECT e.disposition, count(*)
  FROM digitro.call_end AS e
  JOIN digitro.contact AS c
    ON c.campaign = e.campaign AND c.number = e.contact AND c.intent = e.intent
 WHERE e.campaign = %(campaign)s AND {_ENDED} GROUP BY e.disposition
 UNION ALL
SELECT 0, count(*) {_LISTENED} AND EXISTS (SELECT 1 FROM digitro.listening)
"""  # noqa: S608 - our own numbers

_AWAITED: Final = f"""
SELECT c.number, c.pabx, c.call_id, l.timeout,
       coalesce(CASE c.state WHEN {_UNKNOWN} THEN c.sent_at ELSE c.settled_at END, 0)
{_LISTENED} ORDER BY c.number
"""

EVENTS: Final = """
SELECT campaign, contact, step, at, pabx, reason FROM digitro.event
 ORDER BY sequence DESC
"""
"""The events of all campaigns, the last one first: they share the caps of a PABX."""


@attrs.frozen
class Query(Generic[_Answer_co]):
    """A query and how its answer is read.

    Attributes:
        statement: The statement; the campaign is given to it under that name.
        read: Reads the rows.
        values: Other values, by name.
    """

    statement: str
    read: Callable[[list[Row]], _Answer_co]
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


def count_query() -> Query[Mapping[State, int]]:
    """Return the query of how many contacts are in each state."""

    def read(rows: list[Row]) -> Mapping[State, int]:
        counts = zip(sorted(STATES), rows[0], strict=True)
        by_code = {code: int(count or 0) for code, count in counts}
        return {state: by_code[STATE_CODES[state]] for state in State}

    return Query(_COUNT, read)


def count_exhausted_query(max_attempts: int) -> Query[int]:
    """Return the query of how many pending contacts are out of attempts."""
    return Query(_EXHAUSTED, lambda rows: int(rows[0][0]), {"most": max_attempts})


def imports_query() -> Query[list[Import]]:
    """Return the query of every import that was begun, in order."""
    statement = (
        f"SELECT {_IMPORTS} FROM digitro.import"  # noqa: S608 - ours
        " WHERE campaign = %(campaign)s ORDER BY number"
    )
    return Query(statement, lambda rows: [_import(row) for row in rows])


def page_query(after: int) -> Query[list[ContactRecord]]:
    """Return the query of contacts with numbers above ``after``."""
    return Query(_PAGE, lambda rows: [_record(row) for row in rows], {"after": after})


def setting_query(name: str) -> Query[str | None]:
    """Return the query of a setting of the campaign."""
    statement = (
        "SELECT value FROM digitro.setting"
        " WHERE campaign = %(campaign)s AND name = %(name)s"
    )
    return Query(statement, lambda rows: rows[0][0] if rows else None, {"name": name})


def last_event_query() -> Query[int]:
    """Return the query of the number of the last event of all campaigns."""
    statement = "SELECT coalesce(max(sequence), 0) FROM digitro.event"
    return Query(statement, lambda rows: int(rows[0][0]))


def count_ends_query() -> Query[EndCounts]:
    """Return the query of how many calls ended how."""

    def read(rows: list[Row]) -> EndCounts:
        counts: dict[int, int] = dict(rows)
        awaited = counts.pop(0)
        return EndCounts({DISPOSITIONS[code]: n for code, n in counts.items()}, awaited)

    return Query(_COUNT_ENDS, read)


def read_awaited_query() -> Query[list[AwaitedEnd]]:
    """Return the query of the calls that are to get an end and have none."""
    return Query(_AWAITED, awaited_of)


def awaited_of(rows: list[Row]) -> list[AwaitedEnd]:
    """Return the calls of rows of number, PABX, call id, timeout and answer."""
    return [
        AwaitedEnd(
            number=number,
            pabx=pabx,
            call_id=original_or_none(call_id),
            since=since,
            timeout=timeout,
        )
        for number, pabx, call_id, timeout, since in rows
    ]


def _import(row: Row) -> Import:
    """Return the import that ``_IMPORTS`` hold."""
    names = [field.name for field in attrs.fields(Import)]
    return Import(**dict(zip(names, row, strict=True)))


def _record(row: Row) -> ContactRecord:
    """Return the contact that a row of ``_PAGE`` is."""
    values = list(row)
    for place in _TEXTS:
        values[place] = original_or_none(values[place])
    return record_of(values)
