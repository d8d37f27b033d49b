"""OpenImports: the imports that go on, and what is known of their lists so far."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial

from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._import_marks import Beginning, content_hash
from digitro_async.ledger._marked_ids import MARKED_UNTIL, MARKS, MarkedIds
from digitro_async.ledger._records import AddResult, NewContact
from digitro_async.ledger._stored_contacts import hashes_of
from digitro_async.ledger.sqlite._contacts_sql import add_contacts
from digitro_async.ledger.sqlite._imports_sql import (
    begin_import,
    count_page,
    end_import,
    keep_beginning,
    pending_to,
)
from digitro_async.ledger.sqlite._queries import read_setting

__all__ = ["OpenImports"]


class OpenImports:
    """Adds contacts of imports. Its functions of a connection may be run twice.

    The writing thread alone touches the beginnings, and the loop alone the names.
    """

    def __init__(self) -> None:
        self._beginnings: dict[int, Beginning] = {}
        self._named: dict[int, NamedContacts] = {}
        self._aliases: dict[bytes, bytes] | None = None  # before they were read

    def begin(
        self,
        connection: sqlite3.Connection,
        *,
        key: bytes,
        file: str | None,
        size: int | None,
        digest: bytes | None,
        beginnings: Mapping[int, bytes],
        now: float,
    ) -> int:
        """Record that a list is being put in, and return the number of the import."""
        source = content_hash(key, size, digest)
        had = [content_hash(key, *one) for one in beginnings.items()]
        number, beginning = begin_import(
            connection, file, size, source, had=had, now=now
        )
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
        if self._aliases is None:
            self._aliases = _aliases_of(connection, key)
        if self._aliases:
            hashes = [self._aliases.get(one, one) for one in hashes]
        added = add_contacts(connection, hashes, contacts, named, update=update)
        if importing is not None:
            before = count_page(connection, importing, contacts, added, rejected)
            beginning = self._beginnings.get(importing)
            if beginning is not None:
                digest, same = beginning.read(before, hashes)
                keep_beginning(connection, importing, digest, same)
        return added

    def end(
        self,
        connection: sqlite3.Connection,
        *,
        number: int,
        named: NamedContacts,
        now: float,
        rejected: int,
        edited: bool,
    ) -> int:
        """Record that a list was put in to its end; count who is pending elsewhere."""
        end_import(connection, number, now, rejected, edited=edited)
        return named.count_others(partial(pending_to, connection))

    def take_named(self, number: int) -> NamedContacts:
        """Return the contacts that an import that ends has named, and forget them."""
        return self._named.pop(number, None) or NamedContacts()


def _aliases_of(connection: sqlite3.Connection, key: bytes) -> dict[bytes, bytes]:
    """Return the hashes that contacts with marked ids have too, and their own."""
    until = read_setting(connection, MARKED_UNTIL)
    if until is None:
        return {}
    rows = connection.execute(
        "SELECT person.id, hash FROM person JOIN contact USING (number)"
        " WHERE number <= ? AND substr(id, 1, 1) IN (?, ?) ORDER BY number",
        (int(until), *MARKS),
    )
    known = "SELECT 1 FROM contact WHERE hash = ?"
    return {
        alias: digest
        for alias, digest in MarkedIds(key).aliases(rows.fetchall()).items()
        if connection.execute(known, (alias,)).fetchone() is None
    }
