"""OpenImports: the imports that go on, and what is known of their lists so far."""

import sqlite3
from collections.abc import Sequence

from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._import_marks import Beginning
from digitro_async.ledger._records import AddResult, NewContact
from digitro_async.ledger.sqlite._contacts_sql import add_contacts, hashes_of
from digitro_async.ledger.sqlite._imports_sql import (
    begin_import,
    count_page,
    keep_beginning,
)

__all__ = ["OpenImports"]


class OpenImports:
    """Adds contacts of imports. Its functions of a connection may be run twice.

    The writing thread alone touches the beginnings, and the loop alone the names.
    """

    def __init__(self) -> None:
        self._beginnings: dict[int, Beginning] = {}
        self._named: dict[int, NamedContacts] = {}

    def begin(
        self,
        connection: sqlite3.Connection,
        file: str | None,
        size: int | None,
        source: bytes | None,
        now: float,
    ) -> int:
        """Record that a list is being put in, and return the number of the import."""
        number, beginning = begin_import(connection, file, size, source, now)
        if beginning is not None:
            self._beginnings[number] = beginning
        return number

    def named_by(self, number: int | None) -> NamedContacts:
        """Return the contacts that an import has named; none of no import."""
        if number is None:
            return NamedContacts()
        return self._named.setdefault(number, NamedContacts())

    def add(
        self,
        connection: sqlite3.Connection,
        key: bytes,
        contacts: Sequence[NewContact],
        *,
        importing: int | None,
        rejected: int,
        named: NamedContacts,
        update: bool,
    ) -> Sequence[AddResult]:
        """Put contacts in and count their import on."""
        hashes = hashes_of(contacts, key)
        added = add_contacts(connection, hashes, contacts, named, update=update)
        if importing is not None:
            before = count_page(connection, importing, contacts, added, rejected)
            beginning = self._beginnings.get(importing)
            if beginning is not None:
                digest, same = beginning.read(before, hashes)
                keep_beginning(connection, importing, digest, same)
        return added

    def forget(self, number: int) -> None:
        """Forget the names of an import that ends."""
        self._named.pop(number, None)
