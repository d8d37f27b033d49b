"""Opens the ledgers that are copied or settled, of each kind by its address."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from digitro_async.ledger._ledger_address import (
    DEFAULT_CAMPAIGN,
    LedgerAddress,
    ledger_address,
)
from digitro_async.ledger.transfer._copy_ledger import CopySource, CopyTarget
from digitro_async.ledger.transfer._restored_ledger import RestoredLedger
from digitro_async.ledger.transfer._sqlite_copy import (
    opened_end,
    opened_target,
    shown_path,
    snapshot_end,
)
from digitro_async.ledger.transfer._sqlite_restored import opened_restored

if TYPE_CHECKING:
    from digitro_async.ledger.transfer._postgres_copy import PostgresEnd

__all__ = [
    "named_address",
    "opened_campaign_of",
    "opened_restored_of",
    "opened_source_of",
    "opened_target_of",
    "shown_target",
]


def named_address(
    given: str | Path | LedgerAddress, campaign: str | None
) -> LedgerAddress:
    """Return where a ledger is.

    Args:
        given: As for ``open_ledger``.
        campaign: Name of the campaign, if it is in a database.

    Raises:
        ConfigurationError: If that means no ledger.
    """
    found = ledger_address(given)
    if found.server is None or campaign is None:
        return found
    return ledger_address(found, campaign=campaign)


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
        with opened_campaign_of(address, is_there=True) as end:
            if keep:
                end.snapshot()
            yield end
    elif keep:
        with snapshot_end(address.path) as kept:
            yield kept
    else:
        with opened_end(
            address.path, any_file_system=any_file_system, is_there=True
        ) as file:
            yield file


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
        with opened_campaign_of(address) as end:
            yield end
    else:
        with opened_target(address.path, any_file_system=any_file_system) as file:
            yield file


def shown_target(address: LedgerAddress) -> str:
    """Return the address of a target as people may see it, before it is opened."""
    if address.path is not None:
        return shown_path(address.path)
    return attrs.evolve(address, campaign=address.campaign or DEFAULT_CAMPAIGN).shown


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
        # Late, here and below: who copies files needs no driver of a database.
        from digitro_async.ledger.transfer._postgres_restored import (  # noqa: PLC0415
            PostgresRestored,
        )

        with opened_campaign_of(address, is_there=True) as end:
            yield PostgresRestored(end)
    else:
        with opened_restored(address.path, any_file_system=any_file_system) as file:
            yield file


def opened_campaign_of(
    address: LedgerAddress, *, is_there: bool = False
) -> "contextlib.AbstractContextManager[PostgresEnd]":
    """Open a campaign in a database, or the place for one, while the block runs.

    Args:
        address: Where it is.
        is_there: Whether it must be there already.

    Raises:
        LedgerError: If it can't be used.
    """
    from digitro_async.ledger.transfer._open_campaign import (  # noqa: PLC0415
        opened_campaign,
    )

    return opened_campaign(address, is_there=is_there)
