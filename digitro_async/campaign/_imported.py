"""What became of the contacts that were put into a ledger."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from digitro_async.campaign._values import Added

if TYPE_CHECKING:  # who has no contact files shall not load what reads them
    from digitro_async.contacts import Contact, RejectedRow

__all__ = ["Imported", "counted", "is_repeated", "numbered", "sorted_out"]


@attrs.frozen(kw_only=True)
class Imported:
    """What became of the contacts that were put into a ledger.

    Attributes:
        new: That were not there before.
        known: That were there, from the same line: the file was read before.
        repeated: That were there from another line; they are not called again.
        rejected: Rows that are no contacts.
    """

    new: int = 0
    known: int = 0
    repeated: int = 0
    rejected: int = 0


def numbered(identity: str, times: Counter[int] | None) -> str:
    """Return what a contact is known by, where it may come several times.

    Counting them, and not their lines, keeps a file that was edited from calling
    everybody again.
    """
    if times is None:
        return identity
    digest = hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=8)
    key = int.from_bytes(digest.digest())
    times[key] += 1
    return identity if times[key] == 1 else f"{times[key]} x {identity}"


def sorted_out(
    page: "list[Contact | RejectedRow]",
) -> "tuple[list[Contact], list[RejectedRow]]":
    """Return the contacts of a page, and the rows that are none."""
    from digitro_async.contacts import RejectedRow  # noqa: PLC0415 - as said above

    bad = [row for row in page if isinstance(row, RejectedRow)]
    return [row for row in page if not isinstance(row, RejectedRow)], bad


def is_repeated(contact: "Contact", added: Added) -> bool:
    """Whether a contact was put in from another line."""
    return not added.new and added.line != contact.line


def counted(
    imported: Imported, page: "Iterable[tuple[Contact, Added]]", rejected: int
) -> Imported:
    """Count one page more.

    Args:
        imported: What was counted before.
        page: The page's contacts, and what became of each.
        rejected: Its rows that are no contacts.
    """
    new = known = repeated = 0
    for contact, added in page:
        if added.new:
            new += 1
        elif is_repeated(contact, added):
            repeated += 1
        else:
            known += 1
    return Imported(
        new=imported.new + new,
        known=imported.known + known,
        repeated=imported.repeated + repeated,
        rejected=imported.rejected + rejected,
    )
