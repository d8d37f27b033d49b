"""Adds a list to a copy of a ledger in memory, to see what would come of it."""

import contextlib
import sqlite3
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from digitro_async.errors import LedgerError
from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._records import AddResult, Import, NewContact
from digitro_async.ledger._stored_contacts import hashes_of
from digitro_async.ledger.sqlite._contacts_sql import add_contacts
from digitro_async.ledger.sqlite._imports_sql import pending_to
from digitro_async.ledger.sqlite._migrations import migrate
from digitro_async.ledger.sqlite._owners_sql import recover_all
from digitro_async.ledger.sqlite._queries import count_callable
from digitro_async.ledger.sqlite._sqlite_reader import SQLiteLedgerReader

__all__ = ["LedgerRehearsal", "copy_to_rehearse"]


class LedgerRehearsal:
    """A copy of a ledger, in memory, to which lists are added as to the ledger itself.

    What an owner that is gone left open is closed in it, as when a ledger is opened.
    The ledger is only read, also while others write it. The copy takes as much memory
    as the ledger has bytes.

    Args:
        path: The ledger.
        accept_loss: Whether it is read though a part of its record is missing.

    Raises:
        LedgerError: On entering, if the ledger can't be read; later, if the copy can't
            take a contact.
    """

    def __init__(self, path: Path, *, accept_loss: bool = False) -> None:
        self._reader = SQLiteLedgerReader(path, accept_loss=accept_loss)
        self._copy = sqlite3.connect(":memory:", isolation_level=None)
        self._key = b""
        self._named = NamedContacts()

    def __enter__(self) -> Self:
        try:
            with self._reader as reader:
                reader.ask(lambda connection: connection.backup(self._copy))
            migrate(self._copy)
            recover_all(self._copy, time.time())
            (key,) = self._copy.execute("SELECT key FROM identity_key").fetchone()
        except BaseException:
            self._copy.close()
            raise
        self._key = bytes(key)
        return self

    def __exit__(self, *_: object) -> None:
        self._copy.close()

    async def imports(self) -> Sequence[Import]:
        """Return no list: a rehearsal takes each for a new one."""
        return ()

    async def begin_import(self, **_: object) -> int:
        """Begin one list more."""
        self._named = NamedContacts()
        return 1

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
        update: bool = False,
    ) -> Sequence[AddResult]:
        """Add contacts to the copy; see ``Ledger.add``.

        Raises:
            LedgerError: If a contact has a value that no ledger holds.
        """
        del importing, rejected
        hashes = hashes_of(contacts, self._key)
        try:
            return add_contacts(
                self._copy, hashes, contacts, self._named, update=update
            )
        except (sqlite3.Error, ValueError) as error:
            problem = type(error).__name__  # its text may hold values
        raise LedgerError(f"a value can't be stored: {problem}", reason="bad_value")

    async def end_import(self, *_: object, **__: object) -> int:
        """End the list; return how many pending contacts it does not name."""
        return self._named.count_others(partial(pending_to, self._copy))

    def count_pending(self, max_attempts: int, known: Collection[str]) -> int:
        """Return how many contacts a run would call after all that was added.

        Contacts that wait until later are left out.

        Args:
            max_attempts: Attempts after which a contact is left pending.
            known: Names of the PABX of the run; contacts of others wait for theirs.
        """
        return count_callable(self._copy, max_attempts, known, time.time())


def copy_to_rehearse(path: Path, to: Path, *, accept_loss: bool = False) -> None:
    """Write a copy of a ledger into a new file, in which rules can be tried out.

    The ledger is only read, also while others write it.

    Args:
        path: The ledger.
        to: The copy; it is thrown away after that, and never dialled.
        accept_loss: Whether it is read though a part of its record is missing.

    Raises:
        LedgerError: If the ledger can't be read.
    """
    with (
        contextlib.closing(sqlite3.connect(to, isolation_level=None)) as copy,
        SQLiteLedgerReader(path, accept_loss=accept_loss) as reader,
    ):
        reader.ask(lambda connection: connection.backup(copy))
