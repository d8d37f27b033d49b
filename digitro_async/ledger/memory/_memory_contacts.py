"""MemoryContacts: finds the contacts of a ``MemoryLedger``, and adds to them."""

from collections.abc import Iterator

from digitro_async.errors import LedgerError
from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._reconciliation import check_found
from digitro_async.ledger._records import AddResult, NewContact
from digitro_async.ledger._written_ids import readings_of
from digitro_async.ledger.memory._memory_rows import MemoryRow
from digitro_async.privacy import Personal

__all__ = ["MemoryContacts"]


class MemoryContacts:
    """The contacts of a ledger in memory.

    Attributes:
        rows: The contacts, by number.
    """

    def __init__(self) -> None:
        self.rows: dict[int, MemoryRow] = {}
        self._by_identity: dict[Personal, MemoryRow] = {}

    def add(
        self, contact: NewContact, named: NamedContacts, *, update: bool
    ) -> AddResult:
        """Put a contact in, or compare it with the one that is there."""
        known = self._by_identity.get(contact.identity)
        if known is not None:
            difference = None
            if named.is_first(known.number):
                difference = known.compare(contact, update=update)
            return AddResult(new=False, line=known.contact.line, difference=difference)
        row = MemoryRow(len(self.rows) + 1, contact)
        self.rows[row.number] = self._by_identity[contact.identity] = row
        return AddResult(new=True, line=contact.line)

    def above(self, after: int, within: range | None) -> Iterator[MemoryRow]:
        """Yield the contacts with numbers above one of them, in order.

        Args:
            after: That number.
            within: Only those with numbers in this range.
        """
        numbers = range(1, len(self.rows) + 1) if within is None else within
        for number in numbers:
            row = self.rows.get(number)
            if row is not None and number > after:
                yield row

    def get(self, number: int, error: type[LedgerError]) -> MemoryRow:
        """Return the contact of a number.

        Args:
            number: The number.
            error: The error to raise where there is none.

        Raises:
            LedgerError: If there is no such contact.
        """
        if number not in self.rows:
            raise error("there is no such contact", reason="no_such_contact")
        return self.rows[number]

    def find(self, contact: str | int | Personal) -> MemoryRow:
        """Return the contact that somebody names; see ``Ledger.reconcile``.

        Raises:
            LedgerError: If there is no such contact, or text may mean two of them.
        """
        names = readings_of(contact)
        found = [row for row in self.rows.values() if row.is_named(*names)]
        check_found(len(found))
        return found[0]
