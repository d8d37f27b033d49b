"""A campaign that is read again and again is told as one that is read anew."""

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    NOW,
    OWNER,
    PostgresShelf,
    Shelf,
    SQLiteShelf,
    accept,
    an_end,
    claim,
    contacts,
    end_call,
    intend,
    lose,
    open_intents,
)
from postgres_server import needs_postgres

from digitro_async import Disposition
from digitro_async.ledger import EndRecord, Ledger, LedgerReader, StepRecord
from digitro_async.ledger.transfer import forget_contacts
from digitro_async.reports import CampaignReading, CampaignView

TOLD = [one for one in Disposition if one is not Disposition.NONE_SEEN]


def new_reading() -> CampaignReading:
    """Return a reading of a ledger that nobody looked at yet."""
    return CampaignReading("a ledger", zone=dt.UTC)


def look(reading: CampaignReading, shelf: Shelf) -> CampaignView:
    """Return the view of a ledger."""
    with shelf.reader() as reader:
        return reading.read(reader, NOW + 600)


class CountingReader:
    """A reader that counts what is read through it."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self.rows = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def steps(self, after: int = 0) -> Iterator[StepRecord]:
        """Count steps."""
        for one in self._reader.steps(after):
            self.rows += 1
            yield one

    def ends(self, after: tuple[int, int] = (0, 0)) -> Iterator[EndRecord]:
        """Count ends."""
        for one in self._reader.ends(after):
            self.rows += 1
            yield one


def rows_of(reading: CampaignReading, shelf: Shelf) -> int:
    """Look at a ledger, and return how many steps and ends were read for that."""
    with shelf.reader() as reader:
        counting = CountingReader(reader)
        reading.read(counting, NOW + 600)
    return counting.rows


def remove_all(folder: Path) -> None:
    """Remove a ledger, and what stands beside it."""
    for one in folder.iterdir():
        one.unlink()


async def make_calls(ledger: Ledger, numbers: list[int]) -> None:
    """Have contacts called, and most of their calls ended."""
    for number in numbers:
        await intend(ledger, number, "one", NOW + number)
        if number % 7 == 0:
            await lose(ledger, number)
            continue
        await accept(ledger, number, str(number))
        if number % 5:
            await end_call(ledger, number, an_end(TOLD[number % 4], str(number)))


async def change_one(ledger: Ledger, lots: random.Random, number: int) -> None:
    """Let something become of an accepted call, as it may."""
    if lots.random() < 0.3:
        await ledger.doubt([number], "one", NOW + 300)
        return
    none = lots.random() < 0.5
    disposition = Disposition.NONE_SEEN if none else lots.choice(TOLD)
    heard: dict[str, Any] = {"rang_at": NOW + 2, "ended_at": NOW + 9} if none else {}
    await end_call(ledger, number, an_end(disposition, str(number), **heard))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_long_run(shelf: Shelf, ledger: Ledger, seed: int) -> None:
    """Whatever becomes of calls between two looks, figures are those of the ledger."""
    lots = random.Random(seed)
    reading = new_reading()
    await ledger.add(contacts(120))
    numbers = [one.number for one in await claim(ledger, 120)]
    await ledger.ends.expect(OWNER, {"one": 60.0})
    for part in range(6):
        await make_calls(ledger, numbers[part * 20 : part * 20 + 20])
        for _ in range(lots.randint(0, 4)):
            number = lots.choice(numbers[: part * 20 + 20])
            if number % 7:
                await change_one(ledger, lots, number)
        assert look(reading, shelf) == look(new_reading(), shelf)

    counts = await ledger.ends.counts()
    assert sum(counts.dispositions.values()) > 50


@pytest.mark.parametrize("shelf", ["sqlite", "postgres"], indirect=True)
async def test_read_once(shelf: Shelf, ledger: Ledger) -> None:
    """A look reads what came since the last one, and nothing of what was there."""
    reading = new_reading()
    await ledger.add(contacts(60))
    numbers = [one.number for one in await claim(ledger, 60)]
    await make_calls(ledger, numbers[:50])
    first = rows_of(reading, shelf)
    again = rows_of(reading, shelf)
    await make_calls(ledger, [numbers[50]])

    assert first > 100
    assert again == 0
    assert rows_of(reading, shelf) == 3


async def test_none_seen_gives_way(shelf: Shelf, ledger: Ledger) -> None:
    """A call whose end is told after all counts once, as what was told."""
    reading = new_reading()
    await open_intents(ledger, 2)
    for number in (1, 2):
        await accept(ledger, number, str(number))
        await end_call(ledger, number, an_end(Disposition.NONE_SEEN, str(number)))
    before = look(reading, shelf)
    await end_call(ledger, 1, an_end(Disposition.BUSY, "1"))
    after = look(reading, shelf)

    assert before.ends == {Disposition.NONE_SEEN: 2}
    assert after.ends == {Disposition.NONE_SEEN: 1, Disposition.BUSY: 1}
    assert after == look(new_reading(), shelf)


async def test_forgotten_persons(tmp_path: Path) -> None:
    """Counts stay as they are when persons are forgotten."""
    shelf = SQLiteShelf(tmp_path)
    reading = new_reading()
    async with shelf.ledger() as ledger:
        await ledger.add(contacts(30))
        numbers = [one.number for one in await claim(ledger, 30)]
        await make_calls(ledger, numbers[:20])
        before = look(reading, shelf)
    forget_contacts(shelf.path, before=NOW + 500, now=NOW + 9_999)
    after = look(reading, shelf)
    async with shelf.ledger() as ledger:
        more = [one.number for one in await claim(ledger, 3)]
        await make_calls(ledger, more)
        last = look(reading, shelf)

    assert after.ends == before.ends
    assert after.attempts == before.attempts
    assert last == look(new_reading(), shelf)


async def test_set_back(tmp_path: Path) -> None:
    """A ledger in whose place an earlier copy was put is read from its beginning."""
    shelf = SQLiteShelf(tmp_path)
    reading = new_reading()
    async with shelf.ledger() as ledger:
        await open_intents(ledger, 9)
        await accept(ledger, 1, "1")
    look(reading, shelf)
    remove_all(tmp_path)
    async with shelf.ledger() as ledger:
        await open_intents(ledger, 4)

    assert look(reading, shelf) == look(new_reading(), shelf)


@needs_postgres
async def test_committed_late(tmp_path: Path) -> None:
    """What is committed late in a database is counted by the next look."""
    shelf = PostgresShelf(tmp_path)
    reading = new_reading()
    async with shelf.ledger() as ledger:
        await open_intents(ledger, 9)
        for number in range(1, 7):
            await accept(ledger, number, str(number))
        for number in (1, 2, 3):
            with shelf.server.connect(shelf.name) as connection:
                connection.autocommit = False
                connection.execute(
                    "INSERT INTO digitro.call_end (intent, contact, campaign,"
                    " disposition, evidence) SELECT intent, number, campaign, 2,"
                    " 'call_id' FROM digitro.contact WHERE number = %s",
                    (number,),
                )
                connection.execute(
                    "INSERT INTO digitro.event (campaign, contact, step, at, pabx)"
                    " SELECT campaign, contact, step, at, pabx FROM digitro.event"
                    " WHERE contact = %s AND step = 3",
                    (number,),
                )
                fax = an_end(Disposition.FAX, str(number + 3))
                await end_call(ledger, number + 3, fax)
                await accept(ledger, number + 6, str(number + 6))
                assert look(reading, shelf) == look(new_reading(), shelf)
                connection.commit()
            assert look(reading, shelf) == look(new_reading(), shelf)
        rows = [rows_of(reading, shelf) for _ in range(3)]

    assert rows[-1] == 0
