"""A ledger in one SQLite file."""

from digitro_async.ledger.sqlite._ledger_reader import LedgerReader
from digitro_async.ledger.sqlite._sqlite_ledger import SQLiteLedger

__all__ = ["LedgerReader", "SQLiteLedger"]
