"""ImportSummary: counts of an import; and the check that each list has its end."""

from collections.abc import Iterable, Sequence

import attrs

from digitro_async.campaign._row_pages import RowPage, is_changed, is_repeated
from digitro_async.errors import LedgerError
from digitro_async.ledger import AddResult, Import

__all__ = ["ImportSummary", "add_page", "check_whole", "name_of"]


@attrs.frozen(kw_only=True)
class ImportSummary:
    """Counts of the rows of a list that was put into a ledger.

    Attributes:
        new: Contacts that were not there before.
        known: Contacts that were there, from the same line: the list was read before.
        repeated: Contacts that were there from another line; nobody is called again.
        rejected: Rows that are no contacts.
        changed: Contacts that are in the ledger with another number or other fields,
            which it kept: those that are pending are withheld.
        updated: Contacts of which the ledger took over what the list says.
        elsewhere: Pending contacts of the ledger that the list does not name. They are
            called as well: of a list without ids, a number that was corrected is one.
        further_numbers: Further numbers of the contacts. The ledger keeps them; only a
            run that applies rules calls them.
    """

    new: int = 0
    known: int = 0
    repeated: int = 0
    rejected: int = 0
    changed: int = 0
    updated: int = 0
    elsewhere: int = 0
    further_numbers: int = 0


def add_page(
    imported: ImportSummary, page: RowPage, added: Sequence[AddResult]
) -> ImportSummary:
    """Count one page more.

    Args:
        imported: The counts before it.
        page: The page.
        added: The result of each of its contacts.
    """
    new = sum(one.new for one in added)
    changed = updated = repeated = 0
    if new < len(added):
        changed = sum(is_changed(one) for one in added)
        updated = sum(one.difference is not None for one in added) - changed
        pairs = zip(page.contacts, added, strict=True)
        repeated = sum(is_repeated(row, one) for row, one in pairs)
    known = len(added) - new - repeated - changed - updated
    return ImportSummary(
        new=imported.new + new,
        known=imported.known + known,
        repeated=imported.repeated + repeated,
        rejected=imported.rejected + page.rejected,
        changed=imported.changed + changed,
        updated=imported.updated + updated,
        further_numbers=imported.further_numbers
        + sum(len(row.further) for row in page.contacts),
    )


def name_of(one: Import) -> str:
    """Return the name by which a text speaks of an import's list."""
    return "a list" if one.file is None else one.file


def check_whole(imports: Iterable[Import]) -> None:
    """Refuse a ledger that lacks contacts of a list.

    Raises:
        LedgerError: If there is such a list.
    """
    for one in imports:
        if not one.is_whole:
            raise LedgerError(
                f"{name_of(one)} was not put in to its end: add it again, "
                "or ask for a partial campaign",
                reason="unfinished_import",
            )
