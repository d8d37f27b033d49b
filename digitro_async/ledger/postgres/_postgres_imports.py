"""PostgresImports: the imports of a campaign that go on."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from digitro_async.ledger._codes import STATE_CODES
from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._import_marks import Beginning, ImportMark, content_hash
from digitro_async.ledger._records import AddResult, NewContact
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_contacts import hashes_of
from digitro_async.ledger.postgres._campaign_access import CampaignAccess
from digitro_async.ledger.postgres._marked_id_pages import read_aliases
from digitro_async.ledger.postgres._postgres_contacts import add_contacts
from digitro_async.ledger.postgres._postgres_session import PostgresSession

__all__ = ["PostgresImports"]

_UNFINISHED: Final = "campaign = %s AND ended_at IS NULL AND successor IS NULL"

_BEGIN: Final = """
WITH counted AS (
    UPDATE digitro.campaign SET imports = imports + 1 WHERE number = %(campaign)s
    RETURNING number, imports, contacts
)
INSERT INTO digitro.import
       (campaign, number, file, size, source, began_at, contacts_before)
SELECT number, imports, %(file)s, %(size)s, %(source)s, %(now)s, contacts FROM counted
RETURNING number
"""

_COUNT_PAGE: Final = """
UPDATE digitro.import
   SET contacts = contacts + %(read)s, new = new + %(new)s,
       repeated = repeated + %(repeated)s, rejected = rejected + %(rejected)s,
       successor = NULL
 WHERE campaign = %(campaign)s AND number = %(number)s
RETURNING contacts - %(read)s
"""

_END: Final = """
UPDATE digitro.import SET ended_at = %s, rejected = rejected + %s
 WHERE campaign = %s AND number = %s RETURNING file
"""


class PostgresImports:
    """Adds contacts of imports. Its functions of a connection may be run twice.

    Args:
        access: The ways to the campaign.
    """

    def __init__(self, access: CampaignAccess) -> None:
        self._access = access
        self._beginnings: dict[int, Beginning] = {}
        self._named: dict[int, NamedContacts] = {}
        self._aliases: Mapping[bytes, bytes] | None = None  # before they were read

    async def begin(
        self,
        *,
        file: str | None,
        size: int | None,
        digest: bytes | None,
        beginnings: Mapping[int, bytes],
        now: float,
    ) -> int:
        """Record that a list is being put in, and return the number of the import."""
        key = self._access.campaign.key
        begin = partial(
            self._begin,
            file=file,
            size=size,
            source=content_hash(key, size, digest),
            had=[content_hash(key, *one) for one in beginnings.items()],
            now=now,
        )
        number: int = await self._access.change(begin)
        return number

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None,
        rejected: int,
        update: bool,
    ) -> Sequence[AddResult]:
        """Put contacts in and count their import on."""
        if self._aliases is None:
            self._aliases = await read_aliases(self._access)
        hashes = hashes_of(contacts, self._access.campaign.key)
        if self._aliases:
            hashes = [self._aliases.get(one, one) for one in hashes]
        named = NamedContacts()
        if importing is not None:
            named = self._named.setdefault(importing, named)
        add = partial(
            self._add,
            hashes=hashes,
            contacts=contacts,
            importing=importing,
            rejected=rejected,
            named=named,
            update=update,
        )
        added: Sequence[AddResult] = await self._access.change(add)
        named.end_page()  # it was rolled back before, perhaps
        return added

    async def end(self, number: int, *, now: float, rejected: int, edited: bool) -> int:
        """Record that a list was put in to its end; count who is pending elsewhere."""
        named = self._named.pop(number, None) or NamedContacts()
        end = partial(self._end, number=number, named=named, edited=edited)
        others: int = await self._access.change(
            partial(end, now=now, rejected=rejected)
        )
        return others

    async def _begin(
        self,
        session: PostgresSession,
        *,
        file: str | None,
        size: int | None,
        source: bytes | None,
        had: Sequence[bytes | None],
        now: float,
    ) -> int:
        values = {"campaign": self._campaign, "file": file, "size": size, "now": now}
        ((number,),) = await session.execute(_BEGIN, {**values, "source": source})
        if source is not None:
            for content in (source, *had):
                await self._succeed(session, number, "source = %s", content)
            return int(number)
        await self._succeed(session, number, "source IS NULL AND contacts = %s", 0)
        marks = await session.execute(
            "SELECT number, contacts, beginning FROM digitro.import"  # noqa: S608 - ours
            f" WHERE {_UNFINISHED} AND beginning IS NOT NULL",
            (self._campaign,),
        )
        self._beginnings[number] = Beginning(
            ImportMark(other, contacts, bytes(mark)) for other, contacts, mark in marks
        )
        return int(number)

    async def _add(
        self,
        session: PostgresSession,
        *,
        hashes: Sequence[bytes],
        contacts: Sequence[NewContact],
        importing: int | None,
        rejected: int,
        named: NamedContacts,
        update: bool,
    ) -> Sequence[AddResult]:
        added = await add_contacts(
            session, self._campaign, hashes, contacts, named, update=update
        )
        if importing is None:
            return added
        pairs = zip(contacts, added, strict=True)
        repeated = sum(not one.new and one.line != of.line for of, one in pairs)
        values = {
            "campaign": self._campaign,
            "number": importing,
            "read": len(added),
            "new": sum(one.new for one in added),
            "repeated": repeated,
            "rejected": rejected,
        }
        ((before,),) = await session.execute(_COUNT_PAGE, values)
        beginning = self._beginnings.get(importing)
        if beginning is not None:
            digest, same = beginning.read(before, hashes)
            await session.execute(
                "UPDATE digitro.import SET beginning = %s"
                " WHERE campaign = %s AND number = %s",
                (digest, self._campaign, importing),
            )
            for other in same:
                await self._succeed(session, importing, "number = %s", other)
        return added

    async def _end(
        self,
        session: PostgresSession,
        *,
        number: int,
        named: NamedContacts,
        now: float,
        rejected: int,
        edited: bool,
    ) -> int:
        values = (now, rejected, self._campaign, number)
        rows = await session.execute(_END, values)
        file = rows[0][0] if rows else None
        if edited and file is not None:
            await self._succeed(session, number, "file = %s", file)
        pending = await session.execute(
            "SELECT number FROM digitro.contact"  # noqa: S608 - ours
            f" WHERE campaign = %s AND state = {STATE_CODES[State.PENDING]}",
            (self._campaign,),
        )

        def numbers_to(last: int | None) -> Iterable[int]:
            return (one for (one,) in pending if last is None or one <= last)

        return named.count_others(numbers_to)

    async def _succeed(
        self, session: PostgresSession, number: int, which: str, value: object
    ) -> None:
        """Let an import have all that others had which did not end.

        What these put in waits for its end, as they are waited for no more.
        """
        await session.execute(
            "WITH gone AS (UPDATE digitro.import SET successor = %s"  # noqa: S608 - ours
            f" WHERE {_UNFINISHED} AND number <> %s AND {which}"
            " RETURNING contacts_before)"
            "UPDATE digitro.import SET contacts_before ="
            " least(contacts_before, (SELECT min(contacts_before) FROM gone))"
            " WHERE campaign = %s AND number = %s",
            (number, self._campaign, number, value, self._campaign, number),
        )

    @property
    def _campaign(self) -> int:
        return self._access.campaign.number
