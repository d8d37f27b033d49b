"""The imports of a ``MemoryLedger``."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._import_marks import Beginning, ImportMark, content_hash
from digitro_async.ledger._records import AddResult, Import, NewContact

__all__ = ["MemoryImports"]


@attrs.define(eq=False)
class _ImportRecord:
    """An import, with the marks by which its list is known again."""

    shown: Import
    source: bytes | None
    beginning: Beginning | None
    named: NamedContacts = attrs.field(factory=NamedContacts)
    contacts: int = 0
    digest: bytes = b""


class MemoryImports:
    """The imports of a ledger in memory."""

    def __init__(self) -> None:
        self._records: list[_ImportRecord] = []

    def begin(
        self,
        file: str | None,
        size: int | None,
        digest: bytes | None,
        beginnings: Mapping[int, bytes],
        now: float,
    ) -> int:
        """Note that a list is being put in."""
        number = len(self._records) + 1
        source = content_hash(b"", size, digest)
        beginning = None
        if source is None:
            broken = [one for one in self._unfinished() if one.source is None]
            beginning = Beginning(
                ImportMark(one.shown.number, one.contacts, one.digest)
                for one in broken
                if one.contacts
            )
            self._succeed(number, [one for one in broken if not one.contacts])
        else:
            had = {source, *(content_hash(b"", *one) for one in beginnings.items())}
            same = [one for one in self._unfinished() if one.source in had]
            self._succeed(number, same)
        shown = Import(number=number, file=file, size=size, began_at=now)
        self._records.append(_ImportRecord(shown, source, beginning))
        return number

    @contextlib.contextmanager
    def page_of(self, number: int | None, last: int) -> Iterator[NamedContacts]:
        """Give the contacts that an import has named, while a page names more."""
        named = NamedContacts() if number is None else self._records[number - 1].named
        named.begin_page(last)
        yield named
        named.end_page()

    def count_others(
        self, number: int, numbers_to: Callable[[int | None], Iterable[int]]
    ) -> int:
        """Count the contacts that an import has not named."""
        return self._records[number - 1].named.count_others(numbers_to)

    def count(
        self,
        number: int,
        contacts: Sequence[NewContact],
        added: Sequence[AddResult],
        rejected: int,
    ) -> None:
        """Count a page of an import on."""
        record = self._records[number - 1]
        new = repeated = 0
        for contact, one in zip(contacts, added, strict=True):
            new += one.new
            repeated += not one.new and one.line != contact.line
        shown = record.shown
        record.shown = attrs.evolve(
            shown,
            new=shown.new + new,
            known=shown.known + len(added) - new - repeated,
            repeated=shown.repeated + repeated,
            rejected=shown.rejected + rejected,
            successor=None,
        )
        if record.beginning is not None:
            identities = [
                hashlib.blake2b(one.identity.reveal().encode(), digest_size=16).digest()
                for one in contacts
            ]
            record.digest, same = record.beginning.read(record.contacts, identities)
            self._succeed(number, [self._records[other - 1] for other in same])
        record.contacts += len(added)

    def end(self, number: int, now: float, rejected: int, *, edited: bool) -> None:
        """Note that a list was put in to its end."""
        record = self._records[number - 1]
        record.shown = attrs.evolve(
            record.shown, ended_at=now, rejected=record.shown.rejected + rejected
        )
        file = record.shown.file
        if edited and file is not None:
            same = [one for one in self._unfinished() if one.shown.file == file]
            self._succeed(number, same)

    def all(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        return [one.shown for one in self._records]

    def _unfinished(self) -> list[_ImportRecord]:
        return [one for one in self._records if not one.shown.is_whole]

    def _succeed(self, number: int, others: list[_ImportRecord]) -> None:
        for one in others:
            if not one.shown.is_whole:
                one.shown = attrs.evolve(one.shown, successor=number)
