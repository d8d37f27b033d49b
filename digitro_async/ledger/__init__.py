"""What became of every contact, kept across crashes: the port, and its stores."""

from digitro_async.ledger._held_slots import HeldSlots
from digitro_async.ledger._ledger_port import (
    Ledger,
    LedgerReader,
    SettlesAndTells,
    TellsOfLoss,
)
from digitro_async.ledger._open_ledger import open_ledger, open_ledger_reader
from digitro_async.ledger._records import (
    AddResult,
    ClaimedContact,
    ContactRecord,
    Import,
    NewContact,
    Reconciliation,
)
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.memory import MemoryLedger, MemoryLedgerReader
from digitro_async.ledger.sqlite import SQLiteLedger, SQLiteLedgerReader

__all__ = [
    "AddResult",
    "ClaimedContact",
    "ContactRecord",
    "HeldSlots",
    "Import",
    "Ledger",
    "LedgerReader",
    "MemoryLedger",
    "MemoryLedgerReader",
    "NewContact",
    "Reconciliation",
    "SQLiteLedger",
    "SQLiteLedgerReader",
    "SettlesAndTells",
    "State",
    "Step",
    "TellsOfLoss",
    "open_ledger",
    "open_ledger_reader",
]
