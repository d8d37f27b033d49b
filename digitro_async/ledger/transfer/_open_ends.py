"""Opens the ledgers that are copied or settled, of each kind by its address."""

import contextlib
from collections.abc import Iterator

from digitro_async.ledger._ledger_address import LedgerAddress
from digitro_async.ledger.transfer._copy_ledger import CopySource, CopyTarget
from digitro_async.ledger.transfer._restored_ledger import RestoredLedger
from digitro_async.ledger.transfer._sqlite_copy import opened_end, snapshot_end
from digitro_async.ledger.transfer._sqlite_restored import opened_restored

__all__ = ["opened_restored_of", "opened_source_of", "opened_target_of"]


@contextlib.contextmanager
def opened_source_of(
    address: LedgerAddress, *, keep: bool, any_file_system: bool
) -> Iterator[CopySource]:
    """Open a ledger to be copied while the block runs.

    Args:
        address: Where it is.
        keep: Whether it is dialled on, perhaps meanwhile.
        any_file_system: See ``SQLiteLedger``.

    Raises:
        LedgerError: If it can't be used.
    """
    if address.path is None:
        raise NotImplementedError
    if keep:
        with snapshot_end(address.path) as end:
            yield end
    else:
        with opened_end(
            address.path, any_file_system=any_file_system, is_there=True
        ) as end:
            yield end


@contextlib.contextmanager
def opened_target_of(
    address: LedgerAddress, *, any_file_system: bool
) -> Iterator[CopyTarget]:
    """Open a place that a ledger is copied to while the block runs.

    Args:
        address: Where it is.
        any_file_system: See ``SQLiteLedger``.

    Raises:
        LedgerError: If it can't be used.
    """
    if address.path is None:
        raise NotImplementedError
    with opened_end(address.path, any_file_system=any_file_system) as end:
        yield end


@contextlib.contextmanager
def opened_restored_of(
    address: LedgerAddress, *, any_file_system: bool
) -> Iterator[RestoredLedger]:
    """Open a ledger that came back from a backup while the block runs.

    Args:
        address: Where it is.
        any_file_system: See ``SQLiteLedger``.

    Raises:
        LedgerError: If it can't be used.
    """
    if address.path is None:
        raise NotImplementedError
    with opened_restored(address.path, any_file_system=any_file_system) as restored:
        yield restored
