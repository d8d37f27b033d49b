"""What became of every contact, kept across crashes: the port, and its stores."""

from digitro_async.ledger._held_slots import HeldSlots
from digitro_async.ledger._ledger import Ledger, SettlesAndTells, TellsOfLoss
from digitro_async.ledger._open import open_ledger
from digitro_async.ledger._records import (
    AddResult,
    ClaimedContact,
    ContactRecord,
    Import,
    NewContact,
    Reconciliation,
)
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.memory import MemoryLedger
from digitro_async.ledger.sqlite import LedgerReader, SQLiteLedger

__all__ = [
    "AddResult",
    "ClaimedContact",
    "ContactRecord",
    "HeldSlots",
    "Import",
    "Ledger",
    "LedgerReader",
    "MemoryLedger",
    "NewContact",
    "Reconciliation",
    "SQLiteLedger",
    "SettlesAndTells",
    "State",
    "Step",
    "TellsOfLoss",
    "open_ledger",
]
