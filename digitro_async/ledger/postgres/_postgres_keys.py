"""Notes by which numbers attempts were made that nobody planned, in a database."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from digitro_async.ledger._schedule_port import KeyOf
from digitro_async.ledger._stored_numbers import number_at
from digitro_async.ledger.postgres._campaign_access import CampaignAccess
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import PostgresSession
from digitro_async.ledger.postgres._stored_texts import original_text

__all__ = ["KEY_SCHEME", "note_keys"]

KEY_SCHEME: Final = "key_scheme"
"""Setting: the scheme by which the numbers of attempts were noted last."""

_PAGE: Final = 1_000
"""Attempts of one commit: nobody who calls waits for a million of them."""

# Attempts of all campaigns count together, so all are noted.
_CAMPAIGNS: Final = f"""
SELECT c.number, coalesce(s.value, '') FROM digitro.campaign AS c
  LEFT JOIN digitro.setting AS s ON s.campaign = c.number AND s.name = '{KEY_SCHEME}'
 ORDER BY c.number
"""  # noqa: S608 - a constant
_UNPLANNED: Final = """
SELECT c.number FROM digitro.contact AS c
 WHERE c.campaign = %(other)s AND c.number > %(after)s AND c.sent_at IS NOT NULL
   AND digitro.is_unplanned(c)
 ORDER BY c.number LIMIT %(most)s
"""
_ADD: Final = """
WITH meant AS MATERIALIZED (
    SELECT c.* FROM digitro.contact AS c
     WHERE c.campaign = %s AND c.number = ANY (%s::bigint[]) FOR NO KEY UPDATE OF c
)
INSERT INTO digitro.attempt (campaign, contact, after, place)
SELECT c.campaign, c.number, -1, c.place
  FROM digitro.contact AS c JOIN meant USING (campaign, number)
 WHERE digitro.is_unplanned(c) ORDER BY c.number
"""
_TO_NOTE: Final = """
SELECT a.number, a.place, p.numbers, p.destination
  FROM digitro.attempt AS a
  JOIN digitro.person AS p ON p.campaign = a.campaign AND p.number = a.contact
 WHERE a.campaign = %(other)s AND a.number > %(after)s
   AND (%(all)s OR a.key IS NULL) AND p.destination <> ''
 ORDER BY a.number LIMIT %(most)s
"""
# Whoever forgets a person meanwhile is waited for, and has erased it then.
_NOTE: Final = """
WITH known AS MATERIALIZED (
    SELECT one.number, one.key
      FROM unnest(%s::bigint[], %s::text[]) AS one (number, key)
      JOIN digitro.attempt AS a ON a.number = one.number
      JOIN digitro.person AS p ON p.campaign = a.campaign AND p.number = a.contact
     WHERE p.destination <> '' ORDER BY p.campaign, p.number FOR SHARE OF p
)
UPDATE digitro.attempt AS a SET key = known.key
  FROM known WHERE a.number = known.number
"""
_KEEP_SCHEME: Final = f"""
INSERT INTO digitro.setting (campaign, name, value) VALUES (%s, '{KEY_SCHEME}', %s)
    ON CONFLICT (campaign, name) DO UPDATE SET value = excluded.value
"""  # noqa: S608 - a constant


async def note_keys(access: CampaignAccess, key_of: KeyOf, scheme: str) -> int:
    """Note the number of each attempt that nobody noted; see ``Schedule.note_keys``.

    A page is a commit: what is noted is noted, and the rest is next time.
    """
    noted = 0
    campaigns: Query[list[tuple[int, str]]] = Query(
        _CAMPAIGNS, lambda rows: [(number, kept) for number, kept in rows]
    )
    for campaign, kept in await access.read(campaigns):
        await _add_unplanned(access, campaign)
        is_other = kept not in {"", scheme}
        noted += await _note(access, campaign, key_of, everybody=is_other)
        if kept != scheme:
            await access.change(
                partial(_run, statement=_KEEP_SCHEME, values=(campaign, scheme))
            )
    return noted


async def _add_unplanned(access: CampaignAccess, campaign: int) -> None:
    last = 0
    while True:
        values = {"other": campaign, "after": last, "most": _PAGE}
        numbers: Query[list[int]] = Query(
            _UNPLANNED, lambda rows: [one for (one,) in rows], values
        )
        page = await access.read(numbers)
        if not page:
            return
        last = page[-1]
        await access.change(partial(_run, statement=_ADD, values=(campaign, page)))


async def _note(
    access: CampaignAccess, campaign: int, key_of: KeyOf, *, everybody: bool
) -> int:
    """Note the keys of a campaign's attempts, and return how many there were."""
    last = noted = 0
    while True:
        values = {"other": campaign, "after": last, "most": _PAGE, "all": everybody}
        page = await access.read(Query(_TO_NOTE, lambda rows: rows, values))
        if not page:
            return noted
        numbers, keys = [], []
        for number, place, text, destination in page:
            numbers.append(number)
            keys.append(str(key_of(number_at(place, text, original_text(destination)))))
        await access.change(partial(_run, statement=_NOTE, values=(numbers, keys)))
        last, noted = numbers[-1], noted + len(page)


async def _run(
    session: PostgresSession, *, statement: str, values: Sequence[object]
) -> None:
    await session.execute(statement, values)
