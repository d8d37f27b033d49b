"""Opens a ledger that came back from a backup, and settles it."""

import time
from collections.abc import Mapping
from pathlib import Path

from digitro_async.ledger._ledger_address import LedgerAddress
from digitro_async.ledger.transfer._open_ends import named_address, opened_restored_of
from digitro_async.ledger.transfer._restored_ledger import (
    LaterOutcome,
    RestoreSummary,
    settle_restored,
)

__all__ = ["settle_ledger"]


def settle_ledger(
    ledger: str | Path | LedgerAddress,
    *,
    campaign: str | None = None,
    later: Mapping[int, LaterOutcome] | None = None,
    nobody_dialled: bool = False,
    evidence: str = "",
    any_file_system: bool = False,
) -> RestoreSummary:
    """Settle a ledger that came back from a backup; it may be dialled then.

    Also one that was moved to a place that is lost since, and one of which a part is
    missing. Whoever is not final in it becomes unknown, unless it is known that nobody
    was called: nothing in an older state tells who was.

    Args:
        ledger: The ledger, as for ``open_ledger``. Nobody may dial it.
        campaign: Name of the campaign, in a database.
        later: See ``settle_restored``.
        nobody_dialled: See ``settle_restored``.
        evidence: See ``settle_restored``.
        any_file_system: See ``SQLiteLedger``.

    Raises:
        LedgerInUseError: If it is in use.
        LedgerError: If it can't be read or written. Nothing is changed then.
    """
    address = named_address(ledger, campaign)
    del ledger  # tools show the locals of an error's frames
    with opened_restored_of(address, any_file_system=any_file_system) as restored:
        return settle_restored(
            restored,
            later=later,
            nobody_dialled=nobody_dialled,
            evidence=evidence,
            now=time.time(),
        )
