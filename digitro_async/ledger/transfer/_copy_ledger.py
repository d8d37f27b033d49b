"""Copies a ledger to another place, whole or not at all."""

import contextlib
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Protocol

import attrs

from digitro_async.errors import LedgerError
from digitro_async.ledger._provenance import (
    Provenance,
    ProvenanceKind,
    check_provenance,
)
from digitro_async.ledger.transfer._copied_blocks import other_block_key
from digitro_async.ledger.transfer._copied_tables import (
    TABLES,
    CopiedTable,
    Digested,
    Page,
    digest_of,
    noting,
)

__all__ = [
    "CopySource",
    "CopySummary",
    "CopyTarget",
    "check_source",
    "copy_tables",
]


class CopySource(Protocol):
    """A ledger that is read to be copied; nobody changes what it shows meanwhile.

    Attributes:
        shown: Its address as people may see it, without a password.
    """

    shown: str

    def provenance(self) -> Provenance | None:
        """Return why it may not be dialled; None where it may be."""
        ...

    def check_free(self) -> None:
        """Refuse one that is dialled now, before a target is made for it.

        Raises:
            LedgerInUseError: If somebody dials it.
        """
        ...

    def hold(self, provenance: Provenance) -> None:
        """Keep everybody from dialling it, and show one moment of it from now on.

        Raises:
            LedgerInUseError: If somebody dials it.
        """
        ...

    def let_go(self) -> None:
        """Let it be dialled again."""
        ...

    def block_key(self) -> bytes | None:
        """Return what its blocked numbers are hashed with; None where it has none."""
        ...

    def pages(self, table: CopiedTable) -> Generator[Page]:
        """Yield a table's rows, in the order of its first columns."""
        ...

    def set_provenance(self, provenance: Provenance | None) -> None:
        """Note durably that it may not be dialled any more, or may be again."""
        ...


class CopyTarget(Protocol):
    """A ledger that is written by a copy; nothing of it is there before ``commit``.

    Attributes:
        shown: Its address as people may see it, without a password.
    """

    shown: str

    def copied_from(self) -> str | None:
        """Return the token of the move that made it; None where none did."""
        ...

    def rows_before(self) -> int:
        """Return how many contacts, imports and the like it has already."""
        ...

    def block_key(self) -> bytes | None:
        """Return what its blocked numbers are hashed with; None where it has none."""
        ...

    def begin(self, provenance: Provenance) -> None:
        """Note durably that it is no ledger yet."""
        ...

    def write(self, table: CopiedTable, pages: Iterable[Page]) -> None:
        """Write a table's rows."""
        ...

    def finish(self) -> None:
        """Put all that was written where it belongs."""
        ...

    def close_open(self) -> None:
        """Close the claims and intents that the copy has: whose they were is gone."""
        ...

    def pages(self, table: CopiedTable) -> Iterator[Page]:
        """Yield a table's rows as they were written, in the order of its columns."""
        ...

    def commit(self, token: str, provenance: Provenance | None) -> None:
        """Make all that was written a ledger, durably."""
        ...


@attrs.frozen
class CopySummary:
    """What a copy carried.

    Attributes:
        source: Address of the source, as people may see it.
        target: Address of the target, as people may see it.
        tables: Each table, counted and digested; equal in both.
        was_done: Whether it was whole before, and nothing was left to do.
    """

    source: str
    target: str
    tables: Sequence[Digested]
    was_done: bool = False


def check_source(source: CopySource, target: str, *, keep: bool) -> None:
    """Refuse a source that may not be copied, before anything is made for it.

    Args:
        source: The source, open.
        target: Address of the target, as people may see it.
        keep: Whether it stays the one that is dialled.

    Raises:
        LedgerError: If it may not be.
    """
    provenance = source.provenance()
    if keep or not _is_move_to(provenance, target):
        check_provenance(provenance, source.shown)
    if not keep:
        source.check_free()


def copy_tables(
    source: CopySource,
    target: CopyTarget,
    *,
    token: str,
    now: float,
    keep_source: bool = False,
    progress: Callable[[str, int], None] = lambda _table, _rows: None,
) -> CopySummary:
    """Copy all that one ledger knows into another one, and compare both.

    The source is marked as moved before the copy becomes a ledger: never can both be
    dialled. What stops in between is finished by the same copy, given again.

    Args:
        source: The source, open.
        target: The target, open.
        token: A text that no other move has.
        now: The time.
        keep_source: Whether the source stays the one that is dialled, and the copy is
            marked as its backup.
        progress: Called with a table and the rows of it that were carried so far.

    Raises:
        LedgerError: If the source may not be copied, the target is not empty, or a
            value can't be kept there. Then the target is no ledger, as before.
    """
    key, provenance = secrets.token_bytes(16), source.provenance()
    going_on = _is_move_to(provenance, target.shown) and not keep_source
    if provenance is not None and going_on:
        token = provenance.token
    if going_on and target.copied_from() == token:
        return CopySummary(
            source.shown, target.shown, _digests(target, key), was_done=True
        )
    if not going_on:
        check_provenance(provenance, source.shown)
    _check_empty(target)
    _check_blocks(source, target)
    moved = Provenance(ProvenanceKind.MOVED, target.shown, now, token)
    unfinished = Provenance(ProvenanceKind.UNFINISHED, source.shown, now, token)
    if keep_source:
        target.begin(unfinished)
        read = _carry(source, target, progress, key)
        # The source may be dialled: what is open there is nobody's in the copy.
        target.close_open()
        backup = Provenance(ProvenanceKind.BACKUP, source.shown, now, token)
        target.commit(token, backup)
    else:
        source.hold(moved)  # first: where it is refused, nothing of a target is there
        try:
            target.begin(unfinished)
            read = _carry(source, target, progress, key)
        except BaseException:
            if not going_on:  # whether that one stopped before its end nobody knows
                source.let_go()
            raise
        source.set_provenance(moved)
        target.commit(token, None)
    return CopySummary(source.shown, target.shown, read)


def _check_empty(target: CopyTarget) -> None:
    if target.rows_before():
        raise LedgerError(
            f"{target.shown} has contacts or blocked numbers of its own: a ledger is "
            "copied to a place where there is none; name a new file, or a campaign "
            "that is not there yet",
            reason="target_not_empty",
        )


def _check_blocks(source: CopySource, target: CopyTarget) -> None:
    """Refuse blocks that nobody would find in the target, before anything is there.

    Raises:
        LedgerError: If it has some that are hashed with another key.
    """
    here, there = source.block_key(), target.block_key()
    if here is not None and there is not None and here != there:
        raise other_block_key(target.shown)


def _carry(
    source: CopySource,
    target: CopyTarget,
    progress: Callable[[str, int], None],
    key: bytes,
) -> list[Digested]:
    """Write every table of the source to the target; return their digests.

    Raises:
        LedgerError: If the target has not got what the source has.
    """
    read: list[Digested] = []
    for table in TABLES:
        with contextlib.closing(source.pages(table)) as pages:
            counted = _counting(table, pages, progress)
            target.write(table, noting(table, counted, read, key))
    target.finish()
    _compare(read, _digests(target, key))
    return read


def _counting(
    table: CopiedTable, pages: Iterable[Page], progress: Callable[[str, int], None]
) -> Iterator[Page]:
    rows = 0
    for page in pages:
        yield page
        rows += len(page)
        progress(table.name, rows)


def _digests(target: CopyTarget, key: bytes) -> list[Digested]:
    """Return the digest of every table as the target has it now."""
    return [digest_of(table, target.pages(table), key) for table in TABLES]


def _compare(read: Sequence[Digested], written: Sequence[Digested]) -> None:
    """Demand that all that was read was written.

    Raises:
        LedgerError: If a table differs.
    """
    for one, other in zip(read, written, strict=True):
        if one != other:
            raise LedgerError(
                f"the copy is not equal to its source: table {one.table} has "
                f"{one.rows} rows there and {other.rows} here, or other values; "
                "nothing was changed",
                reason="copy_differs",
            )


def _is_move_to(provenance: Provenance | None, target: str) -> bool:
    """Whether a ledger was being moved to that target."""
    return (
        provenance is not None
        and provenance.kind is ProvenanceKind.MOVED
        and provenance.other == target
    )
