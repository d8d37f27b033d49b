"""Opens both ends of a copy, copies, and opens the copy once as it will be dialled."""

import contextlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from digitro_async.errors import ConfigurationError
from digitro_async.ledger._ledger_address import LedgerAddress
from digitro_async.ledger.transfer._copy_ledger import (
    CopySummary,
    check_source,
    copy_tables,
)
from digitro_async.ledger.transfer._open_ends import (
    named_address,
    opened_source_of,
    opened_target_of,
    shown_target,
)

__all__ = ["copy_ledger"]


def copy_ledger(
    source: str | Path | LedgerAddress,
    target: str | Path | LedgerAddress,
    *,
    campaign: str | None = None,
    keep_source: bool = False,
    any_file_system: bool = False,
    progress: Callable[[str, int], None] = lambda _table, _rows: None,
) -> CopySummary:
    """Copy a ledger to another place, and compare both, table by table.

    Everything is carried: contacts with their people and states, events in their order,
    imports, owners, ends of calls, settings and the key by which a contact is known
    again. The source is not dialled any more then, and says where it went. A copy that
    stops is no ledger; it is finished, or begun anew, by the same copy.

    Args:
        source: The ledger, as for ``open_ledger``. Nobody may dial it, unless it is
            kept.
        target: Where there is none yet.
        campaign: Name of the campaign, for each of them that is in a database.
        keep_source: Whether the source is the one that is dialled on. The copy is its
            backup then, and may not be dialled before ``digitro ledger restored``.
        any_file_system: Whether a file may stand on a file system that is not known to
            be on a disk of this machine.
        progress: Called with a table's name and its rows that were carried so far.

    Raises:
        ConfigurationError: If both are the same.
        LedgerInUseError: If one is in use.
        LedgerError: If the copy can't be made; the text says why and the way out.
    """
    one, other = named_address(source, campaign), named_address(target, campaign)
    del source, target  # tools show the locals of an error's frames
    if _is_same(one, other):
        raise ConfigurationError("SOURCE and TARGET are the same ledger")
    with contextlib.ExitStack() as stack:
        opened_source = stack.enter_context(
            opened_source_of(one, keep=keep_source, any_file_system=any_file_system)
        )
        check_source(opened_source, shown_target(other), keep=keep_source)
        opened_target = stack.enter_context(
            opened_target_of(other, any_file_system=any_file_system)
        )
        summary = copy_tables(
            opened_source,
            opened_target,
            token=secrets.token_hex(8),
            now=time.time(),
            keep_source=keep_source,
            progress=progress,
        )
    # Once more, by its own key: so the file beside it knows the ledger that it is now.
    with opened_target_of(other, any_file_system=any_file_system):
        return summary


def _is_same(one: LedgerAddress, other: LedgerAddress) -> bool:
    if one.path is not None and other.path is not None:
        return one.path.resolve() == other.path.resolve()
    return one == other
