"""The durable record of every contact: its port, and its implementations."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
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

if TYPE_CHECKING:
    from digitro_async.ledger.memory import MemoryLedger, MemoryLedgerReader
    from digitro_async.ledger.sqlite import SQLiteLedger, SQLiteLedgerReader
else:
    # Who only reads a ledger needs no event loop, and who has one needs no other.
    __getattr__ = lazy_names(__name__, "sqlite", "memory")

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
