"""A ledger in one SQLite file."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names

if TYPE_CHECKING:
    from digitro_async.ledger.sqlite._sqlite_ledger import SQLiteLedger
    from digitro_async.ledger.sqlite._sqlite_reader import SQLiteLedgerReader
else:
    # Who only reads a ledger needs no event loop.
    __getattr__ = lazy_names(__name__, "_sqlite_reader", "_sqlite_ledger")

__all__ = ["SQLiteLedger", "SQLiteLedgerReader"]
