"""PostgresImports: the imports of a campaign that go on, and those that were."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from digitro_async.ledger._codes import STATE_CODES
from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._import_marks import Beginning, ImportMark, content_hash
from digitro_async.ledger._records import AddResult, Import, NewContact
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_contacts import hashes_of
from digitro_async.ledger.postgres._postgres_connector import OpenCampaign
from digitro_async.ledger.postgres._postgres_contacts import add_contacts
from digitro_async.ledger.postgres._postgres_session import PostgresSession, Row

__all__ = ["IMPORT_COLUMNS", "PostgresImports", "import_of"]

IMPORT_COLUMNS: Final = (
    "number, file, size, began_at, ended_at, successor, new,"
    " contacts - new - repeated, repeated, rejected"
)
"""SQL: the columns of which ``import_of`` makes an import."""

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


def import_of(row: Row) -> Import:
    """Return the import that ``IMPORT_COLUMNS`` hold."""
    names = [field.name for field in attrs.fields(Import)]
    return Import(**dict(zip(names, row, strict=True)))


class PostgresImports:
    """Adds contacts of imports. Its functions of a connection may be run twice.

    Args:
        campaign: The campaign.
    """

    def __init__(self, campaign: OpenCampaign) -> None:
        self._campaign = campaign.number
        self._key = campaign.key
        self._beginnings: dict[int, Beginning] = {}
        self._named: dict[int, NamedContacts] = {}

    async def begin(
        self,
        session: PostgresSession,
        *,
        file: str | None,
        size: int | None,
        digest: bytes | None,
        beginnings: Mapping[int, bytes],
        now: float,
    ) -> int:
        """Record that a list is being put in, and return the number of the import."""
        source = content_hash(self._key, size, digest)
        values = {"campaign": self._campaign, "file": file, "size": size, "now": now}
        ((number,),) = await session.execute(_BEGIN, {**values, "source": source})
        if source is not None:
            had = [content_hash(self._key, *one) for one in beginnings.items()]
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

    def named_by(self, number: int | None) -> NamedContacts:
        """Return the contacts that an import has named; none of no import."""
        if number is None:
            return NamedContacts()
        return self._named.setdefault(number, NamedContacts())

    async def add(
        self,
        session: PostgresSession,
        contacts: Sequence[NewContact],
        *,
        importing: int | None,
        rejected: int,
        named: NamedContacts,
        update: bool,
    ) -> Sequence[AddResult]:
        """Put contacts in and count their import on."""
        hashes = hashes_of(contacts, self._key)
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

    async def end(
        self,
        session: PostgresSession,
        number: int,
        *,
        named: NamedContacts,
        now: float,
        rejected: int,
        edited: bool,
    ) -> int:
        """Record that a list was put in to its end; count who is pending elsewhere."""
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

    def take_named(self, number: int) -> NamedContacts:
        """Return the contacts that an import that ends has named, and forget them."""
        return self._named.pop(number, None) or NamedContacts()

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
