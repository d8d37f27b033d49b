"""Ledgers with something of every kind in them, to be copied."""

from pathlib import Path

from ledgers import (
    NOW,
    OWNER,
    accept,
    an_end,
    contacts,
    end_call,
    lose,
    open_intents,
)

from digitro_async import Disposition, LedgerError
from digitro_async.ledger import ContactRecord, SQLiteLedger

__all__ = ["contents", "fill", "reason_of"]


async def fill(path: Path) -> list[ContactRecord]:
    """Make a ledger that has something of every kind in it; return its contacts."""
    async with SQLiteLedger(path) as ledger:
        await ledger.set_setting("quarantine_seconds", "50")
        number = await ledger.begin_import(file="c.csv", size=7, digest=b"d", now=NOW)
        await ledger.add(contacts(8), importing=number, rejected=2)
        await ledger.end_import(number, now=NOW, rejected=1)
        await ledger.begin_import(file="d.csv", size=9, digest=b"e", now=NOW)
        await ledger.ends.expect(OWNER, {"one": 60.0})
        numbers = await open_intents(ledger, 6)
        for number in numbers[:4]:
            await accept(ledger, number, str(number))
        await end_call(ledger, 1, an_end(Disposition.ANSWERED, "1", word="ATENDIDA"))
        await lose(ledger, numbers[4])
    return await contents(path)


async def contents(path: Path) -> list[ContactRecord]:
    """Open a ledger and return its contacts."""
    async with SQLiteLedger(path) as ledger:
        return [entry async for entry in ledger.entries()]


async def reason_of(path: Path) -> str | None:
    """Return why a ledger can't be opened; None where it can."""
    try:
        await contents(path)
    except LedgerError as error:
        return error.reason
    return None


WITHOUT_SCHEDULE = (
    "DROP TABLE wait; DROP TABLE callback; DROP TABLE attempt; DROP TABLE block_key;"
    "DROP TABLE block; ALTER TABLE person DROP COLUMN numbers;"
)
"""SQL that makes a ledger of schema 7 one of schema 6, but for its number."""
