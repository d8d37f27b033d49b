"""Reads pages of reports, and makes ledgers that they are of."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from digitro_async.ledger import SQLiteLedger

__all__ = ["BEGUN_AT", "ReadPage", "make_large_ledger", "number_in", "read_page"]

BEGUN_AT: Final = 1_796_000_000.0
"""Unix time of the first attempt of a large ledger."""

_VOID: Final = {"meta", "link", "br", "img", "input", "hr"}


class ReadPage(HTMLParser):
    """What a page has, as somebody sees it who reads its HTML.

    Attributes:
        tables: Caption of each table to its rows, the heads first.
        headings: The texts of headings, in order.
        tags: Every tag with its attributes.
        texts: All texts but the style sheet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"th", "td"}:
            self._rows[-1].append("")
        elif tag in {"h1", "h2", "h3"}:
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        """Take the end of a tag."""
        assert self._open.pop() == tag, tag
        if tag == "table":
            assert self._caption not in self.tables
            self.tables[self._caption] = self._rows

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag without content."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if "style" in self._open:
            return
        self.texts.append(data)
        if "caption" in self._open:
            self._caption += data
        elif {"th", "td"} & set(self._open):
            self._rows[-1][-1] += data
        elif self._open and self._open[-1] in {"h1", "h2", "h3"}:
            self.headings[-1] += data

    def column(self, caption: str, head: str) -> dict[str, str]:
        """Return the first column of a table to another one."""
        heads, *rows = self.tables[caption]
        place = heads.index(head)
        return {row[0]: row[place] for row in rows}


def read_page(page: str) -> ReadPage:
    """Read a page, all of whose tags are closed in order."""
    read = ReadPage()
    read.feed(page)
    read.close()
    assert read._open == []
    return read


def number_in(text: str) -> int:
    """Return the count that a cell shows."""
    return int(text.replace(",", ""))


def make_large_ledger(path: Path, contacts: int, *, rate: float = 50.0) -> None:
    """Make a ledger by SQL: nine tenths were attempted, with a pause in the middle."""

    async def make() -> None:
        async with SQLiteLedger(path, synchronous="OFF"):
            pass

    asyncio.run(make())
    with sqlite3.connect(path) as connection:
        attempted = contacts * 9 // 10
        for statement, values in _statements(contacts, attempted, rate):
            connection.execute(statement, values)
    connection.close()


_NUMBERS: Final = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
)
_PABX: Final = "iif(i % 3 = 0, 'matriz', 'filial')"
_STEP: Final = "CASE i % 100 WHEN 7 THEN 6 WHEN 8 THEN 5 ELSE 4 END"
_REASON: Final = "CASE i % 100 WHEN 7 THEN 'timeout' WHEN 8 THEN 'status_400' END"
_END: Final = (
    "CASE i % 10 WHEN 0 THEN 1 WHEN 1 THEN 3 WHEN 2 THEN 2 WHEN 3 THEN 9 ELSE 4 END"
)


def _statements(
    contacts: int, attempted: int, rate: float
) -> Iterator[tuple[str, Sequence[object]]]:
    at = f"{BEGUN_AT} + i / {rate} + iif(i > {attempted // 2}, 5400, 0)"
    contact = "INSERT INTO contact (number, hash, line)"
    yield f"{_NUMBERS} {contact} SELECT i, cast(i AS blob), i + 1 FROM n", [contacts]
    person = "INSERT INTO person (number, id, destination)"
    number = "printf('119%08d', i)"
    yield f"{_NUMBERS} {person} SELECT i, 'C' || i, {number} FROM n", [contacts]
    changes = (
        f"state = {_STEP}, attempts = 1, pabx = {_PABX}, reason = {_REASON},"
        f" call_id = iif({_STEP} = 4, 'c' || i, NULL), sent_at = {at},"
        f" settled_at = {at} + 0.05, owner = 1, intent = 2 * i"
    )
    yield (
        f"{_NUMBERS} UPDATE contact SET {changes} FROM n WHERE number = i",
        [attempted],
    )
    event = "INSERT INTO event (sequence, contact, step, at, pabx, owner, reason)"
    intent = f"2 * i, i, 3, {at}, {_PABX}, 1, NULL"
    yield f"{_NUMBERS} {event} SELECT {intent} FROM n", [attempted]
    answered_at = f"{at} + 0.01 + i % 1000 / 8000.0"
    outcome = f"2 * i + 1, i, {_STEP}, {answered_at}, {_PABX}, 1, {_REASON}"
    yield f"{_NUMBERS} {event} SELECT {outcome} FROM n", [attempted]
    columns = "intent, contact, disposition, rang_at, answered_at, ended_at, evidence"
    times = f"{at} + 2, iif(i % 10 = 0, {at} + 12, NULL), {at} + 40"
    call_end = f"INSERT INTO call_end ({columns})"
    ended = f"SELECT 2 * i, i, {_END}, {times}, 'call_id' FROM n WHERE {_STEP} = 4"
    yield f"{_NUMBERS} {call_end} {ended}", [attempted]
