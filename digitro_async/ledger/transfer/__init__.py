"""Copies a ledger, settles one that came back from a backup, and forgets persons."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names

__all__ = [
    "CopySummary",
    "Digested",
    "ForgetSummary",
    "LaterOutcome",
    "RestoreSummary",
    "copy_ledger",
    "forget_contacts",
    "forget_old",
    "settle_ledger",
]

if TYPE_CHECKING:
    from digitro_async.ledger.transfer._copied_tables import Digested
    from digitro_async.ledger.transfer._copy_ledger import CopySummary
    from digitro_async.ledger.transfer._copying import copy_ledger
    from digitro_async.ledger.transfer._forgetting import (
        ForgetSummary,
        forget_contacts,
        forget_old,
    )
    from digitro_async.ledger.transfer._restored_ledger import (
        LaterOutcome,
        RestoreSummary,
    )
    from digitro_async.ledger.transfer._settling import settle_ledger
else:
    # Loaded when it is asked for: who dials copies nothing.
    __getattr__ = lazy_names(
        __name__,
        "_copied_tables",
        "_restored_ledger",
        "_copy_ledger",
        "_copying",
        "_settling",
        "_forgetting",
    )
