"""What became of the contacts that were put into a ledger."""

import hashlib
from collections import Counter
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


def counted(imported: Imported, contact: "Contact", added: Added) -> Imported:
    """Count one contact more."""
    if added.new:
        return attrs.evolve(imported, new=imported.new + 1)
    if is_repeated(contact, added):
        return attrs.evolve(imported, repeated=imported.repeated + 1)
    return attrs.evolve(imported, known=imported.known + 1)
