"""PURE: the tables of a ledger as they are carried to another one, and compared.

Each kind of ledger gives and takes these rows, in these columns and this order,
whatever its own tables look like. A copy is equal when both give rows of one digest.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from digitro_async.ledger._provenance import PROVENANCE
from digitro_async.ledger._result_feed_port import POSITION

__all__ = [
    "COPIED_FROM",
    "NOT_CARRIED",
    "PAGE",
    "TABLES",
    "CopiedTable",
    "Digested",
    "Page",
    "digest_of",
    "noting",
]

Page = Sequence[tuple[Any, ...]]
"""Rows that are carried at once."""

PAGE: Final = 1_000
"""Rows of a page; only the last one has fewer."""

COPIED_FROM: Final = "copied_from"
"""Setting: the token of the move by which a ledger was made."""

NOT_CARRIED: Final = ("owner", PROVENANCE, COPIED_FROM, POSITION)
"""Settings that are about one place alone."""


@attrs.frozen
class CopiedTable:
    """A table as it is carried.

    Attributes:
        name: Its name.
        columns: Its columns, the first of which order its rows.
    """

    name: str
    columns: tuple[str, ...]


TABLES: Final = (
    CopiedTable("identity_key", ("single", "key")),
    CopiedTable("setting", ("name", "value")),
    # Those who ever had a claim. Their times are microseconds: a database keeps no
    # smaller ones. In other tables an owner stands by its id.
    CopiedTable("owner", ("id", "label", "began_at", "lease_until")),
    CopiedTable(
        "contact",
        (
            *("number", "hash", "line", "state", "attempts", "pabx", "call_id"),
            *("reason", "sent_at", "settled_at", "owner", "failures", "intent"),
        ),
    ),
    CopiedTable("person", ("number", "id", "destination", "pabx", "fields", "numbers")),
    CopiedTable(
        "event",
        (
            *("sequence", "contact", "step", "at", "pabx", "call_id", "reason"),
            "owner",
        ),
    ),
    CopiedTable(
        "import",
        (
            *("number", "file", "size", "source", "began_at", "ended_at", "successor"),
            *("contacts", "new", "repeated", "rejected", "beginning"),
        ),
    ),
    CopiedTable(
        "call_end",
        (
            *("intent", "contact", "disposition", "word", "started_at", "rang_at"),
            *("answered_at", "ended_at", "pabx_times", "evidence"),
        ),
    ),
    CopiedTable("listening", ("owner", "pabx", "timeout")),
    # Contacts that wait, did, or have a priority; of all others nothing is kept.
    CopiedTable("wait", ("contact", "priority", "due", "kind", "place")),
    CopiedTable("callback", ("contact", "at", "place", "moved", "is_overdue", "after")),
    # In order: their numbers are those of one place alone. A key is digits: it may be
    # longer than what a database takes for a number.
    CopiedTable(
        "attempt",
        (
            *("number", "contact", "after", "place", "key", "originating", "outcome"),
            *("intent", "began_at", "pabx", "call_id"),
        ),
    ),
    CopiedTable("block_key", ("single", "key")),
    CopiedTable("block", ("hash", "reason", "until", "since")),
)
"""All that a ledger knows, what others refer to first."""


@attrs.frozen
class Digested:
    """A table's rows, counted and digested.

    Attributes:
        table: Name of the table.
        rows: How many there are.
        digest: Digest over all of them in their order, as hexadecimal digits. Its key
            is new with each copy: who sees it can't guess what the rows hold.
    """

    table: str
    rows: int
    digest: str


class _Digest:
    """Digests the rows of one table, page by page."""

    def __init__(self, table: CopiedTable, key: bytes) -> None:
        self._table = table
        self._hash = hashlib.blake2b(digest_size=16, key=key)
        self._rows = 0

    def take(self, page: Page) -> None:
        """Take the next rows."""
        self._rows += len(page)
        # A value's text tells its type and every bit of it, also of a float; a page
        # at once takes a tenth of the time of value after value.
        self._hash.update(repr(page).encode())

    def result(self) -> Digested:
        """Return what was taken."""
        return Digested(self._table.name, self._rows, self._hash.hexdigest())


def digest_of(table: CopiedTable, pages: Iterable[Page], key: bytes) -> Digested:
    """Return the digest of a table's rows, which come in pages of ``PAGE``."""
    digest = _Digest(table, key)
    for page in pages:
        digest.take(page)
    return digest.result()


def noting(
    table: CopiedTable, pages: Iterable[Page], read: list[Digested], key: bytes
) -> Iterator[Page]:
    """Pass pages on, and append their digest to a list behind the last one."""
    digest = _Digest(table, key)
    for page in pages:
        digest.take(page)
        yield page
    read.append(digest.result())
