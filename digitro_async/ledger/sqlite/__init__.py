"""A ledger in one SQLite file."""

from digitro_async.ledger.sqlite._sqlite_ledger import SQLiteLedger
from digitro_async.ledger.sqlite._sqlite_reader import SQLiteLedgerReader

__all__ = ["SQLiteLedger", "SQLiteLedgerReader"]
