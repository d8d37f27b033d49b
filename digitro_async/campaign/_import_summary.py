"""What became of the contacts that were put into a ledger."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

import attrs

from digitro_async._common.text import printable
from digitro_async.errors import LedgerError
from digitro_async.ledger._records import AddResult, Import

if TYPE_CHECKING:  # who has no contact files shall not load what reads them
    from digitro_async.contacts import Contact, RejectedRow

__all__ = [
    "ImportSummary",
    "Pages",
    "check_whole",
    "counted",
    "is_repeated",
    "name_of",
    "numbered",
    "source_of",
]

SLICE_SECONDS = 0.05
"""How long rows are read before the loop may look after something else."""

_FEW_ROWS = 32
"""Rows that are read between two looks at the clock."""

_DIGEST_SLICE = 16
"""Pieces of a file that are hashed before the loop may look after something else."""


@attrs.frozen(kw_only=True)
class ImportSummary:
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


def is_repeated(contact: "Contact", added: AddResult) -> bool:
    """Whether a contact was put in from another line."""
    return not added.new and added.line != contact.line


def counted(
    imported: ImportSummary, page: "Iterable[tuple[Contact, AddResult]]", rejected: int
) -> ImportSummary:
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
    return ImportSummary(
        new=imported.new + new,
        known=imported.known + known,
        repeated=imported.repeated + repeated,
        rejected=imported.rejected + rejected,
    )


def name_of(one: Import) -> str:
    """Return what the list of an import is called."""
    return "a list" if one.file is None else one.file


def check_whole(imports: Iterable[Import]) -> None:
    """Refuse a ledger that lacks contacts of a list.

    Raises:
        LedgerError: If there is one.
    """
    for one in imports:
        if not one.is_whole:
            raise LedgerError(
                f"{name_of(one)} was not put in to its end: add it again, "
                "or ask for a partial campaign",
                reason="unfinished_import",
            )


async def source_of(contacts: "Iterable[Contact | RejectedRow]") -> dict[str, Any]:
    """Return what tells whether a list is one that was put in before."""
    from digitro_async.contacts import ContactFile  # noqa: PLC0415 - as said above

    if not isinstance(contacts, ContactFile):
        return {}
    digest = hashlib.blake2b(digest_size=32)
    for number, piece in enumerate(contacts.content(), 1):
        digest.update(piece)
        if number % _DIGEST_SLICE == 0:
            await asyncio.sleep(0)
    return {
        "file": printable(contacts.name),
        "size": contacts.total_bytes,
        "digest": digest.digest(),
    }


class Pages:
    """Reads contacts a page at a time, and never keeps the loop for long.

    Args:
        contacts: Where they come from.
        most: Most rows of a page.
    """

    def __init__(self, contacts: "Iterable[Contact | RejectedRow]", most: int) -> None:
        from digitro_async.contacts import (  # noqa: PLC0415 - as said above
            ContactFile,
            RejectedRow,
        )

        self._bad = RejectedRow
        self._source: Iterator[Contact | RejectedRow | None] = iter(contacts)
        if isinstance(contacts, ContactFile):
            self._source = contacts.pieces()
        self._most = most
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "Page":
        if self._ended:
            raise StopAsyncIteration
        await asyncio.sleep(0)  # where no page holds a contact, nobody else waits
        return self._read()

    def _read(self) -> "Page":
        rows: list[Contact | RejectedRow] = []
        until = time.monotonic() + SLICE_SECONDS
        for read, row in enumerate(self._source, 1):
            if row is not None:
                rows.append(row)
                if len(rows) == self._most:
                    break
            if (row is None or read % _FEW_ROWS == 0) and time.monotonic() > until:
                break
        else:
            self._ended = True
        good = [row for row in rows if not isinstance(row, self._bad)]
        return Page(rows, good, self._bad)


@attrs.frozen(eq=False)
class Page:
    """Some rows of a list, in order.

    Attributes:
        rows: All of them.
        contacts: Those that are contacts.
    """

    rows: "list[Contact | RejectedRow]"
    contacts: "list[Contact]"
    _bad: "type[RejectedRow]"

    @property
    def rejected(self) -> int:
        """Rows that are no contacts."""
        return len(self.rows) - len(self.contacts)

    def tell(
        self,
        became: "Iterable[tuple[Contact, AddResult]]",
        repeated: "Callable[[Contact, int], None] | None",
        rejected: "Callable[[RejectedRow], None] | None",
    ) -> None:
        """Tell of every row that adds nobody, in the order of the list."""
        added = iter(became)
        for row in self.rows:
            if isinstance(row, self._bad):
                if rejected is not None:
                    rejected(row)
                continue
            contact, one = next(added)
            if repeated is not None and is_repeated(contact, one):
                repeated(contact, one.line)
