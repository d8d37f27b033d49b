"""A ledger that is gone with its process."""

from digitro_async.ledger.memory._memory_ledger import MemoryLedger

__all__ = ["MemoryLedger"]
