"""A ledger that is gone with its process."""

from digitro_async.ledger.memory._memory_ledger import MemoryLedger
from digitro_async.ledger.memory._memory_reader import MemoryLedgerReader

__all__ = ["MemoryLedger", "MemoryLedgerReader"]
