"""Ledgers of before files lost the marks of their cells know their contacts again."""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from campaigns import contact, run, scripted
from filled_ledgers import WITHOUT_SCHEDULE
from helpers import ScriptedTransport

from digitro_async.contacts import open_contacts
from digitro_async.ledger import SQLiteLedger

MARKED = ("'11122233344", "'+55-1", "'=x", "'plain", "both", "'both")


async def make_old(path: Path, ids: Sequence[str], *, twice: bool = False) -> None:
    """Make a ledger of an earlier schema, whose contacts have ids with marks."""
    async with SQLiteLedger(path) as ledger:
        campaign, _ = scripted(ledger, ScriptedTransport())
        rows = [contact(line, id=one) for line, one in enumerate(ids, 2)]
        if twice:
            rows = [row for row in rows for _ in range(2)]
        await campaign.add(rows, allow_duplicates=twice)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"{WITHOUT_SCHEDULE} DROP TABLE call_end; DROP TABLE listening;"
            "ALTER TABLE contact DROP COLUMN intent;"
            "DROP INDEX event_evidence; ALTER TABLE contact DROP COLUMN failures;"
            "PRAGMA user_version = 4"
        )


@pytest.mark.parametrize("twice", [False, True])
async def test_file_that_is_read_again(tmp_path: Path, twice: bool) -> None:
    """Nobody is new in the same file, though its ids are read without marks now."""
    await make_old(tmp_path / "l.db", MARKED[:4], twice=twice)
    lines = [
        f"{one};{contact(line).destination.reveal()}"
        for line, one in enumerate(MARKED[:4], 2)
        for _ in range(1 + twice)
    ]
    path = tmp_path / "c.csv"
    path.write_text("\n".join(["id;destination", *lines]) + "\n")
    transport = ScriptedTransport()
    async with SQLiteLedger(tmp_path / "l.db") as ledger:
        campaign, _ = scripted(ledger, transport)
        with open_contacts(path, defaults={"device": "1", "device_password": "2"}) as f:
            added = await campaign.add(f, allow_duplicates=twice)
        await run(campaign)

    assert (added.new, added.changed) == (0, 0)
    assert len(transport.attempts) == 4 * (1 + twice)


async def test_other_contacts(tmp_path: Path) -> None:
    """A contact that was there by itself, and those that came later, are their own."""
    await make_old(tmp_path / "l.db", ("'11", "11", "'abc"))
    async with SQLiteLedger(tmp_path / "l.db") as ledger:
        campaign, _ = scripted(ledger, ScriptedTransport())
        again = await campaign.add([contact(3, id="11"), contact(9, id="abc")])
        later = await campaign.add([contact(5, id="'22"), contact(6, id="22")])

    assert (again.known, again.new, again.changed) == (1, 1, 0)
    assert later.new == 2


async def test_without_marks(tmp_path: Path) -> None:
    """A ledger without such ids keeps nothing of it."""
    await make_old(tmp_path / "l.db", ("A", "B"))
    async with SQLiteLedger(tmp_path / "l.db") as ledger:
        assert await ledger.get_setting("marked_ids_until") is None
