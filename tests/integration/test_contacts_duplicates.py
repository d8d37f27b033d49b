"""Rows of a file that are the same contact again; ledgers find them, readers don't."""

from pathlib import Path
from typing import Any

import pytest
from contact_files import DEFAULTS, NUMBER, numbers, path, rows
from ledgers import SHELVES

from digitro_async.campaign import ImportSummary, count_rows, import_rows
from digitro_async.contacts import ContactRow, RejectedRow, open_contacts

__all__ = ["path"]  # a fixture


class Found:
    """The counts of an import of the rows of a file."""

    def __init__(self) -> None:
        self.summary = ImportSummary()
        self.repeated: list[tuple[int, int]] = []
        self.rejected: list[int] = []

    def repeat(self, row: ContactRow, line: int) -> None:
        """Note a row whose contact was there from another line."""
        self.repeated.append((row.line, line))

    def reject(self, row: RejectedRow) -> None:
        """Note a row that is no contact."""
        self.rejected.append(row.line)


@pytest.fixture(params=[*SHELVES, "dry run"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of ledger that finds duplicates."""
    return str(request.param)


def written(path: Path, text: str) -> Path:
    """Write a contact file."""
    path.write_text(text, encoding="utf-8")
    return path


async def find(kind: str, path: Path, text: str, **options: Any) -> Found:
    """Put a file into a ledger."""
    path = written(path, text)
    found = Found()
    told: dict[str, Any] = {"repeated": found.repeat, "rejected": found.reject}
    told["allow_duplicates"] = options.pop("allow_duplicates", False)
    with open_contacts(path, defaults=DEFAULTS, **options) as file:
        if kind == "dry run":
            found.summary = await count_rows(file, **told)
        else:
            async with SHELVES[kind](path.parent).ledger() as ledger:
                found.summary = await import_rows(ledger, file, **told)
    return found


async def test_same_number(kind: str, path: Path) -> None:
    """Without ids, the second row with a number is a duplicate."""
    found = await find(kind, path, f"destination\n{NUMBER}\n1\n {NUMBER} \n")

    assert found.repeated == [(4, 2)]
    assert found.summary == ImportSummary(new=2, repeated=1)


async def test_same_number_once_stripped(kind: str, path: Path) -> None:
    """Numbers are compared as they would be sent."""
    text = "destination\n32817000\n3281-7000\n"
    found = await find(kind, path, text, strip_punctuation=True)

    assert found.repeated == [(3, 2)]


async def test_same_id(kind: str, path: Path) -> None:
    """With ids, the id alone tells contacts apart."""
    found = await find(kind, path, "id;destination\na;1\nb;1\na;2\n")

    assert found.repeated == [(4, 2)]
    assert found.summary.new == 2


async def test_rows_without_an_id(kind: str, path: Path) -> None:
    """Rows without an id are told apart by their numbers."""
    found = await find(kind, path, "id;destination\n;1\na;1\n;1\n;a\n")

    assert (found.repeated, found.rejected) == ([(4, 2)], [5])
    assert found.summary == ImportSummary(new=2, repeated=1, rejected=1)


async def test_rejected_row_does_not_count(kind: str, path: Path) -> None:
    """A row that repeats a rejected one with the mistake put right is taken."""
    found = await find(kind, path, "id;destination\na;x\na;1\n")

    assert (found.repeated, found.rejected) == ([], [2])
    assert found.summary == ImportSummary(new=1, rejected=1)


async def test_duplicates_can_be_allowed(kind: str, path: Path) -> None:
    """Duplicates are contacts when the caller says so."""
    text = "destination\n1\n1\n1\n"
    found = await find(kind, path, text, allow_duplicates=True)

    assert found.summary == ImportSummary(new=3)


async def test_order_of_the_file(kind: str, path: Path) -> None:
    """Rows that add nobody are told of in the order of the file."""
    told: list[int] = []
    path = written(path, "destination\n1\nx\n1\ny\n1\n")
    hear: dict[str, Any] = {
        "repeated": lambda row, _: told.append(row.line),
        "rejected": lambda row: told.append(row.line),
    }
    with open_contacts(path, defaults=DEFAULTS) as file:
        if kind == "dry run":
            await count_rows(file, **hear)
        else:
            async with SHELVES[kind](path.parent).ledger() as ledger:
                await import_rows(ledger, file, **hear)

    assert told == [3, 4, 5, 6]


def test_reader_remembers_nobody(path: Path) -> None:
    """The reader gives every good row, also one that was there before."""
    assert numbers(rows(path, "destination\n1\n1\n")) == ["1", "1"]
