"""Puts a list into a ledger, once, and says what became of its rows."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from digitro_async._common.text import printable
from digitro_async.campaign._import_summary import ImportSummary, add_page
from digitro_async.campaign._row_pages import RowFile, RowPages, Rows
from digitro_async.contacts import ContactRow, RejectedRow
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import AddResult, Ledger, NewContact
from digitro_async.privacy import Personal

__all__ = ["import_rows", "nth_identity"]

PAGE = 2_000
"""Most rows of which the contacts are put into the ledger in one commit."""

_DIGEST_SLICE = 16
"""Pieces of a file that are hashed before the loop may look after something else."""


async def import_rows(
    ledger: Ledger,
    rows: Rows,
    *,
    repeated: Callable[[ContactRow, int], None] | None = None,
    rejected: Callable[[RejectedRow], None] | None = None,
    allow_duplicates: bool = False,
    edited: bool = False,
    finish: Callable[[], None] | None = None,
) -> ImportSummary:
    """Put the rows of a list into a ledger. See ``Campaign.add``."""
    source = await _facts_of(rows)
    number = await ledger.begin_import(**source, now=time.time())
    times: Counter[int] | None = Counter() if allow_duplicates else None
    imported, unnoted = ImportSummary(), 0
    async for page in RowPages(rows, PAGE):
        unnoted += page.rejected
        added: Sequence[AddResult] = ()
        if page.contacts:
            new = [_new_contact(row, times) for row in page.contacts]
            added = await ledger.add(new, importing=number, rejected=unnoted)
            unnoted = 0
        imported = add_page(imported, page, added)
        page.tell(added, repeated, rejected)
    if finish is not None:
        finish()
    await ledger.end_import(number, now=time.time(), rejected=unnoted, edited=edited)
    return imported


async def _facts_of(rows: Rows) -> dict[str, Any]:
    """Return the facts by which the ledger knows a list again, if it has a file."""
    if not isinstance(rows, RowFile):
        return {}
    digest = hashlib.blake2b(digest_size=32)
    for number, piece in enumerate(rows.content(), 1):
        digest.update(piece)
        if number % _DIGEST_SLICE == 0:
            await asyncio.sleep(0)
    return {
        "file": printable(rows.name),
        "size": rows.total_bytes,
        "digest": digest.digest(),
    }


def _new_contact(row: ContactRow, times: Counter[int] | None) -> NewContact:
    own = row.id
    if own == "":  # all of them would be one contact, and be called once
        raise ConfigurationError("the id of a contact is empty: give None instead")
    identity = f"number {row.destination.reveal()}" if own is None else f"id {own}"
    return NewContact(
        line=row.line,
        identity=Personal(nth_identity(identity, times)),
        id=None if own is None else Personal(own),
        destination=row.destination,
        pabx=row.pabx,
        fields={
            name: value if isinstance(value, str) else value.reveal()
            for name, value in row.fields.items()
        },
    )


def nth_identity(identity: str, times: Counter[int] | None) -> str:
    """Return the identity of a contact that may stand in its list several times.

    Args:
        identity: The identity of its first time.
        times: How often each identity came so far; None where the second time is the
            same contact again.
    """
    if times is None:
        return identity
    # Times are counted, and not lines: a file that was edited calls nobody again. The
    # hash of a text is 8 bytes under a key of this process, and tells nothing of it.
    key = hash(identity)
    times[key] += 1
    return identity if times[key] == 1 else f"{times[key]} x {identity}"
