"""A ledger's file and what its owner has of it: lock, connection and key."""

import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

from digitro_async.campaign._connection import connect
from digitro_async.campaign._files import OwnerLock, check_local, printable
from digitro_async.campaign._migrate import migrate

__all__ = ["OwnedFile"]


class OwnedFile:
    """What the writing thread opens and closes.

    Args:
        path: The file; made if it isn't there.
        synchronous: How commits are synced.
        busy_timeout: Seconds to wait for another program that is writing to it.
        prepare: What is done first of all: closes what the last owner left open, and
            returns how much that was.

    Attributes:
        path: The file itself, once it is open, and not a link to it.
        name: Its name, fit for texts.
        key: What contacts are hashed with.
        recovered: Open intents that were found.
    """

    def __init__(
        self,
        path: Path,
        synchronous: str,
        busy_timeout: float,
        prepare: Callable[[sqlite3.Connection], int],
    ) -> None:
        self.path = path
        self.name = printable(path.name)
        self.key = b""
        self.recovered = 0
        self._synchronous = synchronous
        self._busy_timeout = busy_timeout
        self._prepare = prepare
        self._lock: OwnerLock | None = None
        self._connection: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        """Open it as its one owner.

        Raises:
            LedgerInUseError: If somebody has it.
            LedgerError: If it can't be used.
            sqlite3.Error: If SQLite says so.
        """
        # Two names of one file must not have two locks.
        self.path = self.path.resolve()
        check_local(self.path)
        lock = OwnerLock(self.path)
        lock.acquire()
        self._lock = lock
        connection = connect(self.path, self._synchronous, self._busy_timeout)
        self._connection = connection
        migrate(connection)
        self.key = _key_of(connection)
        self.recovered = self._prepare(connection)
        return connection

    def close(self) -> None:
        """Close what is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _key_of(connection: sqlite3.Connection) -> bytes:
    """Return the key that contacts of this ledger are hashed with."""
    connection.execute(
        "INSERT INTO identity_key (single, key) VALUES (1, ?)"
        " ON CONFLICT (single) DO NOTHING",
        (secrets.token_bytes(32),),
    )
    (key,) = connection.execute("SELECT key FROM identity_key").fetchone()
    return bytes(key)
