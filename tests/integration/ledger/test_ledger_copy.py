# ruff: noqa: ASYNC240
# A ledger's files are looked at between its steps.
"""A ledger is copied to another file whole, or not at all."""

import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from filled_ledgers import contents, fill, reason_of
from ledgers import NOW, contacts, some
from owning import owner

from digitro_async import ConfigurationError, LedgerError
from digitro_async.ledger import SQLiteLedger, State, open_ledger_reader
from digitro_async.ledger.transfer import copy_ledger
from digitro_async.ledger.transfer._copied_tables import CopiedTable, Page
from digitro_async.ledger.transfer._sqlite_copy import SQLiteEnd


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "a.db"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return where it is copied to."""
    return tmp_path / "b.db"


class TestCopies:
    """A ledger that nobody has open."""

    async def test_everything_is_carried(self, path: Path, other: Path) -> None:
        """Contacts, ends, imports and settings are those of the source."""
        before = await fill(path)
        with open_ledger_reader(path) as reader:
            imports, ends = reader.imports(), reader.count_ends()
        summary = copy_ledger(path, other)

        assert await contents(other) == before
        with open_ledger_reader(other) as reader:
            assert (reader.imports(), reader.count_ends()) == (imports, ends)
        rows = {one.table: one.rows for one in summary.tables}
        assert rows["contact"] == rows["person"] == 8
        assert (rows["import"], rows["call_end"], rows["listening"]) == (2, 1, 1)
        async with SQLiteLedger(other) as ledger:
            assert await ledger.get_setting("quarantine_seconds") == "50"

    async def test_the_same_list_adds_nobody(self, path: Path, other: Path) -> None:
        """The key is carried: a contact is known again in the copy."""
        await fill(path)
        copy_ledger(path, other)
        async with SQLiteLedger(other) as ledger:
            added = await ledger.add(contacts(9))

        assert [one.new for one in added] == [False] * 8 + [True]

    async def test_the_source_says_where_it_went(self, path: Path, other: Path) -> None:
        """It is not dialled any more, and can still be read."""
        await fill(path)
        copy_ledger(path, other)

        with pytest.raises(LedgerError, match=r"was moved to .*b\.db") as caught:
            await contents(path)
        assert caught.value.reason == "moved"
        with open_ledger_reader(path) as reader:
            assert sum(reader.counts().values()) == 8

    async def test_a_backup_is_not_dialled(self, path: Path, other: Path) -> None:
        """The source is dialled on, and its copy says whose backup it is."""
        await fill(path)
        copy_ledger(path, other, keep_source=True)

        assert await reason_of(path) is None
        assert await reason_of(other) == "backup"

    async def test_a_backup_is_made_while_it_is_dialled(
        self, path: Path, other: Path
    ) -> None:
        """A backup of a ledger in use has its open intents as unknown."""
        with owner(path) as process:
            assert process.said == "open"
            copy_ledger(path, other, keep_source=True)

        with open_ledger_reader(other) as reader:
            assert some(reader.counts()) == {State.ACCEPTED: 3, State.UNKNOWN: 3}

    async def test_memory_stays_flat(self, path: Path, other: Path) -> None:
        """A copy takes no more memory for more contacts than for its pages."""
        async with SQLiteLedger(path, synchronous="OFF") as ledger:
            await ledger.add(contacts(9_999))
        tracemalloc.start()
        copy_ledger(path, other)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert peak < 6_000_000  # all of them take 9 MB


class TestRefused:
    """A copy that must not be made."""

    async def test_a_source_in_use(self, path: Path, other: Path) -> None:
        """Whoever is dialled meanwhile would be called again in the copy."""
        with owner(path), pytest.raises(LedgerError) as caught:
            copy_ledger(path, other)

        assert caught.value.reason == "in_use"
        assert not other.exists()

    async def test_a_target_with_contacts(self, path: Path, other: Path) -> None:
        """A ledger that knows contacts takes no others, and stays as it is."""
        await fill(path)
        before = await fill(other)
        with pytest.raises(LedgerError) as caught:
            copy_ledger(path, other)

        assert caught.value.reason == "target_not_empty"
        assert await contents(other) == before
        assert await reason_of(path) is None

    async def test_a_target_with_blocks(self, path: Path, other: Path) -> None:
        """A file with blocked numbers alone takes no ledger, and keeps them."""
        await fill(path)
        async with SQLiteLedger(other) as ledger:
            await ledger.schedule.block(7, reason="asked", until=None, now=NOW)
        with pytest.raises(LedgerError) as caught:
            copy_ledger(path, other)

        assert caught.value.reason == "target_not_empty"
        async with SQLiteLedger(other) as ledger:
            assert len(await ledger.schedule.blocks()) == 1
        assert await reason_of(path) is None

    async def test_the_same_file(self, path: Path) -> None:
        """A ledger is not copied over itself."""
        await fill(path)
        with pytest.raises(ConfigurationError, match="the same ledger"):
            copy_ledger(path, path)

    def test_no_source(self, path: Path, other: Path) -> None:
        """A name with a mistake makes no ledger."""
        with pytest.raises(LedgerError, match=r"there is no a\.db"):
            copy_ledger(path, other)

        assert not path.exists()
        assert not other.exists()

    async def test_a_source_that_was_moved(self, path: Path, other: Path) -> None:
        """A moved ledger is not moved once more, nor backed up."""
        await fill(path)
        copy_ledger(path, other)
        for keep_source in (False, True):
            with pytest.raises(LedgerError, match="was moved to"):
                copy_ledger(path, path.with_name("c.db"), keep_source=keep_source)
        assert not list(path.parent.glob("c.db*"))


class TestStopped:
    """A copy that does not come to its end."""

    async def test_before_its_end(self, path: Path, other: Path) -> None:
        """What a copy left is no ledger; its source is one, and may be copied again."""
        before = await fill(path)

        def stop(table: str, _: int) -> None:
            if table == "event":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            copy_ledger(path, other, progress=stop)

        assert await reason_of(other) == "unfinished_copy"
        assert await contents(path) == before
        copy_ledger(path, other)
        assert await contents(other) == before

    async def test_between_its_last_two_steps(
        self, path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither can be dialled; the same copy, and no other, makes it whole."""
        before = await fill(path)

        def fail(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(SQLiteEnd, "commit", fail)
            with pytest.raises(KeyboardInterrupt):
                copy_ledger(path, other)

        assert await reason_of(path) == "moved"
        assert await reason_of(other) == "unfinished_copy"
        with pytest.raises(LedgerError, match=r"was moved to .*b\.db"):
            copy_ledger(path, path.with_name("c.db"))
        assert not copy_ledger(path, other).was_done
        assert await contents(other) == before

    async def test_behind_its_end(self, path: Path, other: Path) -> None:
        """The same copy once more says that it was whole before."""
        before = await fill(path)
        first = copy_ledger(path, other)
        again = copy_ledger(path, other)

        assert (first.was_done, again.was_done) == (False, True)
        assert [one.rows for one in again.tables] == [one.rows for one in first.tables]
        assert await contents(other) == before

    async def test_a_difference_is_noticed(
        self, path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A copy in which one value of one row is another one is refused."""
        before = await fill(path)
        write = SQLiteEnd.write

        def spoil(end: SQLiteEnd, table: CopiedTable, pages: Iterable[Page]) -> None:
            write(end, table, pages)
            if table.name == "contact":
                end.ask(lambda c: c.execute("UPDATE contact SET line = 99 LIMIT 1"))

        monkeypatch.setattr(SQLiteEnd, "write", spoil)
        with pytest.raises(LedgerError, match="table contact has 8 rows"):
            copy_ledger(path, other)

        assert await contents(path) == before
        assert await reason_of(other) == "unfinished_copy"
