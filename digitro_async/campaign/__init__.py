"""Durable batches: nobody called twice and nobody forgotten, across crashes."""

from digitro_async.campaign._campaign import Campaign
from digitro_async.campaign._imported import Imported
from digitro_async.campaign._ledger import Ledger
from digitro_async.campaign._open import open_ledger
from digitro_async.campaign._reader import LedgerReader
from digitro_async.campaign._runner import CampaignRun
from digitro_async.campaign._sqlite import SQLiteLedger
from digitro_async.campaign._state import State, Step
from digitro_async.campaign._values import (
    Added,
    Entry,
    Import,
    NewContact,
    OpenContact,
    Reconciled,
)

__all__ = [
    "Added",
    "Campaign",
    "CampaignRun",
    "Entry",
    "Import",
    "Imported",
    "Ledger",
    "LedgerReader",
    "NewContact",
    "OpenContact",
    "Reconciled",
    "SQLiteLedger",
    "State",
    "Step",
    "open_ledger",
]
