"""Reads which contacts of a campaign are known by their ids without text marks too."""

from collections.abc import Sequence
from typing import Final

from digitro_async.ledger._marked_ids import MARKED_UNTIL, MARKS, MarkedIds
from digitro_async.ledger.postgres._campaign_access import CampaignAccess
from digitro_async.ledger.postgres._postgres_queries import Query, setting_query
from digitro_async.ledger.postgres._stored_texts import original_text

__all__ = ["read_aliases"]

_PAGE: Final = 5_000
"""Contacts that are looked at once: no answer may take long."""

_MARKED: Final = """
SELECT id, hash FROM digitro.person
 WHERE campaign = %(campaign)s AND number > %(after)s AND number <= %(last)s
   AND left(id, 1) = ANY (%(marks)s::text[])
 ORDER BY number
"""

_KNOWN: Final = """
SELECT hash FROM digitro.person
 WHERE campaign = %(campaign)s AND hash = ANY (%(hashes)s::bytea[])
"""


async def read_aliases(access: CampaignAccess) -> dict[bytes, bytes]:
    """Return the hashes that contacts with marked ids have too, and their own.

    Only a ledger that was a file of an earlier version has any; nobody adds to them.
    """
    until = await access.read(setting_query(MARKED_UNTIL))
    marked, found = MarkedIds(access.campaign.key), {}
    last = 0 if until is None else int(until)
    for after in range(0, last, _PAGE):
        rows = await access.read(_marked_query(after, min(after + _PAGE, last)))
        aliases = marked.aliases(rows)
        if aliases:
            known = await access.read(_known_query(list(aliases)))
            found.update({one: aliases[one] for one in aliases.keys() - known})
    return found


def _marked_query(after: int, last: int) -> Query[list[tuple[str, bytes]]]:
    values = {"after": after, "last": last, "marks": list(MARKS)}
    return Query(
        _MARKED,
        lambda rows: [(original_text(own_id), bytes(one)) for own_id, one in rows],
        values,
    )


def _known_query(hashes: Sequence[bytes]) -> Query[set[bytes]]:
    values = {"hashes": hashes}
    return Query(_KNOWN, lambda rows: {bytes(one) for (one,) in rows}, values)
