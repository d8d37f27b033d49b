"""Puts a list into a ledger, each contact once, and counts its rows."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from digitro_async._common.drafts import draft_of
from digitro_async._common.first_lines import FirstLines
from digitro_async._common.text import printable
from digitro_async._common.validators import opened, personal
from digitro_async.campaign._import_summary import ImportSummary, add_page
from digitro_async.campaign._row_pages import RowFile, RowPages, Rows
from digitro_async.contacts import ContactRow, RejectedRow
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import AddResult, Import, NewContact, NumberOfContact

__all__ = ["ImportingLedger", "count_rows", "import_rows", "nth_identity"]

PAGE = 2_000
"""Most rows of which the contacts are put into the ledger in one commit."""

_DIGEST_SLICE = 16
"""Pieces of a file that are hashed before the loop may run other tasks."""


class ImportingLedger(Protocol):
    """The part of a ledger that an import needs."""

    async def imports(self) -> Sequence[Import]: ...

    async def begin_import(
        self,
        *,
        file: str | None = None,
        size: int | None = None,
        digest: bytes | None = None,
        beginnings: Mapping[int, bytes] = ...,
        now: float,
    ) -> int: ...

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
        update: bool = False,
    ) -> Sequence[AddResult]: ...

    async def end_import(
        self, number: int, *, now: float, rejected: int = 0, edited: bool = False
    ) -> int: ...


async def import_rows(
    ledger: ImportingLedger,
    rows: Rows,
    *,
    repeated: Callable[[ContactRow, int], None] | None = None,
    rejected: Callable[[RejectedRow], None] | None = None,
    changed: Callable[[ContactRow, AddResult], None] | None = None,
    allow_duplicates: bool = False,
    edited: bool = False,
    update: bool = False,
    finish: Callable[[], None] | None = None,
) -> ImportSummary:
    """Put the rows of a list into a ledger. See ``Campaign.add``."""
    source = await _facts_of(ledger, rows)
    number = await ledger.begin_import(**source, now=time.time())
    times: Counter[int] | None = Counter() if allow_duplicates else None
    imported, unnoted = ImportSummary(), 0
    async for page in RowPages(rows, PAGE):
        unnoted += page.rejected
        added: Sequence[AddResult] = ()
        if page.contacts:
            new = [_new_contact(row, times) for row in page.contacts]
            added = await ledger.add(
                new, importing=number, rejected=unnoted, update=update
            )
            unnoted = 0
        imported = add_page(imported, page, added)
        page.tell(added, repeated, rejected, changed)
    if finish is not None:
        finish()
    elsewhere = await ledger.end_import(
        number, now=time.time(), rejected=unnoted, edited=edited
    )
    return attrs.evolve(imported, elsewhere=elsewhere)


async def count_rows(
    rows: Rows,
    *,
    ledger: ImportingLedger | None = None,
    repeated: Callable[[ContactRow, int], None] | None = None,
    rejected: Callable[[RejectedRow], None] | None = None,
    changed: Callable[[ContactRow, AddResult], None] | None = None,
    allow_duplicates: bool = False,
    update: bool = False,
) -> ImportSummary:
    """Count the rows of a list as an import would.

    Takes about 20 bytes of memory a contact.

    Args:
        rows: See ``Campaign.add``, as for the others.
        ledger: Takes the contacts, None for an empty one that is thrown away.
        repeated: Called with a row whose contact came from another line, and that line.
        rejected: Called with a row that is no contact.
        changed: Called with a row whose contact the ledger has with something else.
        allow_duplicates: Whether a contact that comes several times counts as often.
        update: Whether what the list says otherwise would be taken over.
    """
    return await import_rows(
        _CountingLedger() if ledger is None else ledger,
        rows,
        repeated=repeated,
        rejected=rejected,
        changed=changed,
        allow_duplicates=allow_duplicates,
        update=update,
    )


class _CountingLedger:
    """A ledger that keeps nothing of a contact but the line it first came from."""

    def __init__(self) -> None:
        self._lines = FirstLines()

    async def imports(self) -> Sequence[Import]:
        """Return that no list was put in before."""
        return ()

    async def begin_import(self, **_: object) -> int:
        """Take any list for the first one."""
        return 1

    async def add(
        self, contacts: Sequence[NewContact], **_: object
    ) -> Sequence[AddResult]:
        """Tell of each contact whether it is new."""
        return [self._add(contact) for contact in contacts]

    async def end_import(self, *_: object, **__: object) -> int:
        """Keep nothing of the import."""
        return 0

    def _add(self, contact: NewContact) -> AddResult:
        first = self._lines.first(contact.identity.reveal(), contact.line)
        return AddResult(
            new=first is None, line=contact.line if first is None else first
        )


async def _facts_of(ledger: ImportingLedger, rows: Rows) -> dict[str, Any]:
    """Return the facts by which the ledger knows a list again, if it has a file."""
    if not isinstance(rows, RowFile):
        return {}
    # A file may have grown since its import stopped: then it begins with that content.
    sizes = {one.size for one in await ledger.imports() if not one.is_whole}
    digest, read = hashlib.blake2b(digest_size=32), 0
    beginnings: dict[int, bytes] = {}
    for number, piece in enumerate(rows.content(), 1):
        for size in sizes:
            if size is not None and read < size <= read + len(piece):
                begun = digest.copy()
                begun.update(piece[: size - read])
                beginnings[size] = begun.digest()
        digest.update(piece)
        read += len(piece)
        if number % _DIGEST_SLICE == 0:
            await asyncio.sleep(0)
    return {
        "file": printable(rows.name),
        "size": rows.total_bytes,
        "digest": digest.digest(),
        "beginnings": beginnings,
    }


_NewDraft = draft_of(NewContact)


def _new_contact(row: ContactRow, times: Counter[int] | None) -> NewContact:
    own = row.id
    if own == "":  # all of them would be one contact, and be called once
        raise ConfigurationError("the id of a contact is empty: give None instead")
    identity = f"number {row.destination.reveal()}" if own is None else f"id {own}"
    draft = _NewDraft()
    draft.line, draft.pabx = row.line, row.pabx
    draft.identity = personal(nth_identity(identity, times))
    draft.id = None if own is None else personal(own)
    draft.destination = row.destination
    draft.fields = {name: opened(value) for name, value in row.fields.items()}
    draft.numbers, draft.priority = (), row.priority
    if row.further or row.hours or row.kind is not None:
        draft.numbers = tuple(
            NumberOfContact(destination=one.destination, kind=one.kind, hours=one.hours)
            for one in row.numbers
        )
    draft.__class__ = NewContact
    contact: NewContact = draft
    return contact


def nth_identity(identity: str, times: Counter[int] | None) -> str:
    """Return the identity of a contact that may stand in its list several times.

    Args:
        identity: The identity of its first time.
        times: Number of times that each identity came so far; None where the second
            time is the same contact again.
    """
    if times is None:
        return identity
    # Times are counted, and not lines: a file that was edited calls nobody again. The
    # hash of a text is 8 bytes under a key of this process, and tells nothing of it.
    key = hash(identity)
    times[key] += 1
    return identity if times[key] == 1 else f"{times[key]} x {identity}"
