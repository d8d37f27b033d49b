"""Which lists a ledger knows to be whole; held over every kind of ledger."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ScriptedTransport, make_pabx, take_into
from hypothesis import given
from hypothesis import strategies as st
from ledgers import NOW, SHELVES, Shelf, contacts

from digitro_async import (
    CallResult,
    Campaign,
    DigitroClient,
    DigitroError,
    Dispatcher,
    LedgerError,
)
from digitro_async.campaign import ImportSummary
from digitro_async.campaign._import import PAGE
from digitro_async.contacts import (
    ContactRow,
    ContinuedRejects,
    RejectedRow,
    open_contacts,
)
from digitro_async.ledger import Import, Ledger
from digitro_async.ledger._import_marks import Beginning, ImportMark

CALL = {"device": "1125000", "device_password": "4567"}


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Return where the ledger of this test stands."""
    return SHELVES[request.param](tmp_path)


class ScriptedClient(DigitroClient):
    """A client over a transport that accepts everything."""

    def __init__(self) -> None:
        pabx = make_pabx(max_in_flight=10)
        super().__init__(pabx)
        self._dispatcher = Dispatcher(pabx, ScriptedTransport())


def campaign_of(ledger: Ledger, **given: Any) -> Campaign:
    """Return a campaign whose calls are all accepted."""
    return Campaign(ledger, ScriptedClient(), call=CALL, **given)


def contact(line: int) -> ContactRow:
    """Return the contact of a line."""
    return ContactRow(line=line, id=f"C{line}", destination=f"0483280{line:05d}")


def some(count: int, begin: int = 1) -> Iterator[ContactRow]:
    """Make contacts one by one."""
    return (contact(line) for line in range(begin, begin + count))


def broken(count: int) -> Iterator[ContactRow]:
    """Make contacts, and fail."""
    yield from some(count)
    raise ZeroDivisionError


def write_list(path: Path, count: int) -> Path:
    """Write a contact file."""
    lines = ["id;destination", *(f"C{i};0483280{i:05d}" for i in range(count))]
    path.write_text("\n".join(lines) + "\n")
    return path


async def put_in(campaign: Campaign, path: Path, **given: Any) -> ImportSummary:
    """Put a contact file in."""
    with open_contacts(path, defaults=CALL) as file:
        return await campaign.add(file, **given)


async def whole(ledger: Ledger) -> list[bool]:
    """Return of each import whether its list is in."""
    return [one.is_whole for one in await ledger.imports()]


async def run(campaign: Campaign) -> int:
    """Dial to the end; return how many were called."""
    taken: list[CallResult] = []
    async with campaign.run() as results:
        await take_into(taken, results)
    return len(taken)


class TestLedger:
    """The record of an import in a ledger."""

    async def test_counts_are_kept_with_each_page(self, shelf: Shelf) -> None:
        """An import shows how far it got, also after its owner is gone."""
        ledger = await shelf.ledger().__aenter__()
        number = await ledger.begin_import(file="c.csv", size=7, digest=b"a", now=NOW)
        page = contacts(5)
        await ledger.add(page, importing=number, rejected=2)
        moved = [page[0], *[type(one)(**values(one, 9)) for one in page[1:3]]]
        await ledger.add(moved, importing=number, rejected=1)
        await shelf.lose_owner(ledger)
        async with shelf.ledger() as again:
            found = list(await again.imports())

        assert found == [
            Import(
                number=number,
                file="c.csv",
                size=7,
                began_at=NOW,
                new=5,
                known=1,
                repeated=2,
                rejected=3,
            )
        ]
        assert not found[0].is_whole

    async def test_same_content_succeeds_and_ends(self, shelf: Shelf) -> None:
        """A file is known again by its content alone, whatever it is called."""
        async with shelf.ledger() as ledger:
            first = await ledger.begin_import(file="a", size=7, digest=b"a", now=NOW)
            other = await ledger.begin_import(file="a", size=7, digest=b"b", now=NOW)
            again = await ledger.begin_import(file="z", size=7, digest=b"a", now=NOW)
            before = {one.number: one for one in await ledger.imports()}
            await ledger.end_import(again, now=NOW + 1, rejected=4)
            after = {one.number: one for one in await ledger.imports()}

        assert before[first].successor == again
        assert not before[again].is_whole
        assert (after[again].ended_at, after[again].rejected) == (NOW + 1, 4)
        assert after[first].is_whole
        assert not after[other].is_whole

    async def test_edited_succeeds_by_name_once_it_is_in(self, shelf: Shelf) -> None:
        """A file takes the place of another content by its name, at its end."""
        async with shelf.ledger() as ledger:
            await ledger.begin_import(file="a", size=7, digest=b"a", now=NOW)
            await ledger.begin_import(file="b", size=7, digest=b"b", now=NOW)
            number = await ledger.begin_import(file="a", size=7, digest=b"c", now=NOW)
            early = await whole(ledger)
            await ledger.end_import(number, now=NOW, edited=True)
            late = await whole(ledger)

        assert early == [False, False, False]
        assert late == [True, False, True]

    async def test_two_at_once_have_only_what_they_read(self, shelf: Shelf) -> None:
        """An import that goes on is not in because another of its list began."""
        async with shelf.ledger() as ledger:
            one = await ledger.begin_import(file="a", size=7, digest=b"a", now=NOW)
            two = await ledger.begin_import(file="a", size=7, digest=b"a", now=NOW)
            await ledger.end_import(two, now=NOW)
            await ledger.add(contacts(1), importing=one)

            assert await whole(ledger) == [False, True]


def values(one: Any, more: int) -> dict[str, Any]:
    """Return a contact's values, from another line."""
    return {
        "line": one.line + more,
        "identity": one.identity,
        "id": one.id,
        "destination": one.destination,
    }


class TestPrograms:
    """Lists that a program puts in."""

    @pytest.mark.parametrize("count", [0, 3, PAGE, 2 * PAGE + 7])
    async def test_source_that_fails_is_not_in(self, shelf: Shelf, count: int) -> None:
        """Nothing is dialled until the same list was put in to its end."""
        async with shelf.ledger() as ledger:
            campaign = campaign_of(ledger)
            with pytest.raises(ZeroDivisionError):
                await campaign.add(broken(count))
            with pytest.raises(LedgerError, match="a list was not put in") as caught:
                await run(campaign)
            partial = await run(campaign_of(ledger, partial=True))
            await campaign.add(some(count + 5))
            rest = await run(campaign)

        assert caught.value.reason == "unfinished_import"
        assert partial + rest == count + 5
        assert partial <= count

    async def test_other_list_does_not_end_it(self, shelf: Shelf) -> None:
        """A list that begins with other contacts, or fewer, is another."""
        async with shelf.ledger() as ledger:
            campaign = campaign_of(ledger)
            with pytest.raises(ZeroDivisionError):
                await campaign.add(broken(2 * PAGE))
            await campaign.add(some(3 * PAGE, begin=2))
            await campaign.add(some(PAGE))
            early = await whole(ledger)
            await campaign.add(some(2 * PAGE))

            assert early == [False, True, True]
            assert await whole(ledger) == [True] * 4

    async def test_cancelled(self, shelf: Shelf) -> None:
        """An import that is cancelled is not in."""
        async with shelf.ledger() as ledger:
            campaign = campaign_of(ledger)
            begun = asyncio.Event()

            def endless() -> Iterator[ContactRow]:
                for one in some(10**9):
                    begun.set()
                    yield one

            adding = asyncio.ensure_future(campaign.add(endless()))
            await begun.wait()
            adding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await adding

            assert await whole(ledger) == [False]

    async def test_file(self, shelf: Shelf, tmp_path: Path) -> None:
        """A file that was put in once is not missed; what fails at its end is."""
        path = write_list(tmp_path / "c.csv", 7)

        def fail() -> None:
            raise DigitroError("no space")

        async with shelf.ledger() as ledger:
            campaign = campaign_of(ledger)
            with pytest.raises(DigitroError):
                await put_in(campaign, path, finish=fail)
            early = await whole(ledger)
            again = await put_in(campaign, path)
            (first, second) = await ledger.imports()

        assert early == [False]
        assert again == ImportSummary(known=7)
        assert (first.file, first.size) == ("c.csv", path.stat().st_size)
        assert first.successor == second.number
        assert second.is_whole

    @pytest.mark.parametrize("cut", [0, 5])
    async def test_file_that_grew(self, shelf: Shelf, tmp_path: Path, cut: int) -> None:
        """An import goes on with a file that has become longer, and with no other."""
        path = write_list(tmp_path / "c.csv", 7)
        half = path.read_bytes()
        async with shelf.ledger() as ledger:
            campaign = campaign_of(ledger)
            with open_contacts(path, defaults=CALL) as file:
                path.write_bytes(half + b"C8;048")  # somebody still writes it
                with pytest.raises(DigitroError, match="changed while it was read"):
                    await campaign.add(file)
            early = await whole(ledger)
            path.write_bytes(half[: len(half) - cut] + b"\nC9;04832800009\n")
            await put_in(campaign, path)
            late = await whole(ledger)

        assert early == [False]
        assert late == [cut == 0, True]


@given(
    identities=st.lists(st.binary(min_size=1, max_size=2), max_size=30),
    sizes=st.lists(st.integers(1, 9), max_size=20),
    read=st.integers(0, 30),
    changed=st.booleans(),
)
def test_beginning_is_known_however_it_is_read(
    identities: list[bytes], sizes: list[int], read: int, *, changed: bool
) -> None:
    """A list goes on where one stopped whose contacts it begins with, and no other."""
    read = min(read, len(identities))
    digest, _ = Beginning([]).read(0, identities[:read])
    other = changed and read > 0
    mark = ImportMark(number=7, contacts=read, digest=digest)
    if other:
        identities = [identities[0] + b"x", *identities[1:]]
    beginning, before, found = Beginning([mark]), 0, set()
    for size in [*sizes, len(identities)]:
        page = identities[before : before + size]
        for _ in range(2):  # what was rolled back is read once more
            _, same = beginning.read(before, page)
            found.update(same)
        before += len(page)

    assert found == (set() if other else {7})


class TestFiles:
    """Contact files that are read while something else goes on."""

    def test_file_that_failed_once_fails_again(self, tmp_path: Path) -> None:
        """A file that can't be read any further never looks like one at its end."""
        path = write_list(tmp_path / "c.csv", 3)
        with open_contacts(path, defaults=CALL) as file:
            path.write_text("id;destination\n")
            for _ in range(3):
                with pytest.raises(DigitroError, match="changed while it was read"):
                    list(file)

    def test_digest_leaves_reading_where_it_is(self, tmp_path: Path) -> None:
        """The content can be looked at between two rows."""
        path = write_list(tmp_path / "c.csv", 50_000)
        with open_contacts(path, defaults=CALL) as file:
            rows: list[ContactRow | RejectedRow] = [next(file) for _ in range(3)]
            content = b"".join(file.content())
            rows += list(file)

        assert content == path.read_bytes()
        assert [row.line for row in rows] == list(range(2, 50_002))


def rejects(lines: Iterable[int]) -> Iterator[RejectedRow]:
    """Make rejected rows."""
    from digitro_async.contacts import RejectCode

    for line in lines:
        code = RejectCode.NO_NUMBER
        yield RejectedRow(file="c.csv", line=line, reason=f"bad {line}", code=code)


def write_rejects(path: Path, lines: Iterable[int], **given: Any) -> str:
    """Write rejected rows; return the name of the file that they are in."""
    with ContinuedRejects(path, **given) as file:
        for row in rejects(lines):
            file.write(row)
        file.finish()
        return file.name


@given(cut=st.integers(0, 3000), more=st.binary(max_size=9), fewer=st.integers(0, 99))
def test_rejects_are_whole_whatever_was_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int, more: bytes, fewer: int
) -> None:
    """In the end one file holds every row once, and no other file was changed."""
    folder = tmp_path_factory.mktemp("rejects")
    write_rejects(folder / "whole.csv", range(100 - fewer))
    whole = (folder / "whole.csv").read_bytes()
    write_rejects(folder / "long.csv", range(100))
    there = (folder / "long.csv").read_bytes()[:cut] + more
    (folder / "r.csv").write_bytes(there)
    name = write_rejects(folder / "r.csv", range(100 - fewer), other_names=True)

    assert (folder / name).read_bytes() == whole
    assert name == "r.csv" or (folder / "r.csv").read_bytes() == there
