# ruff: noqa: PT012
# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""Faults of the disk under a ledger's file."""

import asyncio
import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    NOW,
    accept,
    claim,
    contacts,
    entry_of,
    fails_to_open,
    intend,
    lose,
    mounted,
    needs_mounts,
    new_contact,
    open_intents,
    release,
    shown_by,
    some,
)

from digitro_async import (
    LedgerError,
)
from digitro_async.ledger import SQLiteLedger, State
from digitro_async.privacy import Personal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


class Faulty(sqlite3.Connection):
    """Fails where it is told to."""

    fails_at: str | None = None
    failures = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute a statement or fail."""
        if Faulty.fails_at is not None and Faulty.fails_at in sql:
            Faulty.failures += 1
            error = sqlite3.OperationalError("disk I/O error near 04832817000")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        return super().execute(sql, *values)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    """Make ledgers use a connection that fails where it is told to."""
    real = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *a, **k: real(*a, **{"factory": Faulty, **k})
    )
    monkeypatch.setattr(Faulty, "fails_at", None)
    monkeypatch.setattr(Faulty, "failures", 0)
    return Faulty


def bad_one() -> Any:
    """Return a contact that can't be stored."""
    return new_contact(4, destination=Personal("\udc81 canary"))


class TestFaults:
    """When the disk fails, nothing is promised any more."""

    @pytest.mark.parametrize(
        "at", ["COMMIT", "BEGIN", "INSERT INTO contact", "INTO event"]
    )
    async def test_after_a_failed_write(
        self, path: Path, faulty: type[Faulty], at: str
    ) -> None:
        """After one failed write no other succeeds, though the disk would let it."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(5))
            await claim(ledger, 5)
            await intend(ledger, 1, "one", NOW)
            faulty.fails_at = at
            with pytest.raises(LedgerError) as caught:
                await intend(ledger, 2, "one", NOW)
            faulty.fails_at = None
            later = await asyncio.gather(
                intend(ledger, 3, "one", NOW),
                accept(ledger, 1, "1"),
                ledger.add(contacts(9)),
                claim(ledger, 1),
                release(ledger),
                return_exceptions=True,
            )
            counts = await ledger.counts()

        assert caught.value.reason == "write_failed"
        assert str(caught.value).startswith(
            "ledger.db can't be written: the disk failed (SQLITE_IOERR_FSYNC)"
        )
        assert "04832817000" not in shown_by(caught.value)
        assert {str(one) for one in later} == {str(caught.value)}
        assert some(counts) == {State.CLAIMED: 4, State.INTENT: 1}
        assert faulty.failures == 1

    async def test_whoever_shares_the_commit(
        self, path: Path, faulty: type[Faulty]
    ) -> None:
        """All that share a commit that fails are told so, and none is there later."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(50))
            await claim(ledger, 50)
            faulty.fails_at = "COMMIT"
            results = await asyncio.gather(
                *(intend(ledger, number, "one", NOW) for number in range(1, 51)),
                return_exceptions=True,
            )
        faulty.fails_at = None
        async with SQLiteLedger(path) as again:
            counts = await again.counts()

        assert {type(one) for one in results} == {LedgerError}
        assert some(counts) == {State.PENDING: 50}

    async def test_a_call_that_fails(self, path: Path) -> None:
        """A call that can't be stored fails alone, and shows nothing."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(2))
            await claim(ledger, 2)
            results = await asyncio.gather(
                ledger.add([new_contact(3, fields={"user_data": "canary"}), bad_one()]),
                intend(ledger, 1, "one", NOW),
                ledger.set_setting("a", "\udc81 canary"),
                intend(ledger, 2, "one \udc81 canary", NOW),
                ledger.set_setting("b", "1"),
                intend(ledger, 2**70, "one", NOW),
                return_exceptions=True,
            )
            after = await ledger.counts()

            assert await ledger.get_setting("b") == "1"
        errors = [one for one in results if one is not None]

        assert [type(one) for one in results].count(type(None)) == 2
        assert [one.reason for one in errors if isinstance(one, LedgerError)] == [
            "bad_value"
        ] * 4
        assert not any("canary" in str(one) for one in errors)
        assert some(after) == {State.CLAIMED: 1, State.INTENT: 1}

    async def test_evidence_that_is_no_text(self, path: Path) -> None:
        """Evidence with half a character is refused, and the ledger goes on."""
        async with SQLiteLedger(path) as ledger:
            (number,) = await open_intents(ledger, 1)
            await lose(ledger, number)
            with pytest.raises(LedgerError) as caught:
                await ledger.reconcile("C1", accepted=True, evidence="\udc81", now=NOW)

            assert caught.value.reason == "bad_value"
            assert (await entry_of(ledger, number)).state is State.UNKNOWN

    async def test_a_bug_in_the_thread(self, path: Path) -> None:
        """Whatever goes wrong in the writing thread, nobody waits for ever."""

        def break_down(_: sqlite3.Connection) -> None:
            raise KeyError("canary")

        async with SQLiteLedger(path) as ledger:
            async with asyncio.timeout(60):
                with pytest.raises(LedgerError, match="KeyError") as caught:
                    await ledger._call(break_down)
                with pytest.raises(LedgerError):
                    await ledger.add(contacts(1))

        assert "canary" not in shown_by(caught.value)

    async def test_full(self, path: Path) -> None:
        """A ledger without space left ends with a clear error and stays whole."""
        async with SQLiteLedger(path) as ledger:

            def limit(connection: sqlite3.Connection) -> None:
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                connection.execute(f"PRAGMA max_page_count = {pages + 2}")

            await ledger.add(contacts(10))
            await ledger._call(limit)
            with pytest.raises(LedgerError, match=r"no space left \(SQLITE_FULL\)"):
                for start in range(100, 9_000, 100):
                    page = [new_contact(number) for number in range(start, start + 100)]
                    await ledger.add(page)
            with pytest.raises(LedgerError, match="no space left"):
                await claim(ledger, 1)
        async with SQLiteLedger(path) as again:
            assert (await again.counts())[State.PENDING] % 10 == 0
            assert len(await claim(again, 10)) == 10

    @needs_mounts
    async def test_full_disk(self, tmp_path: Path) -> None:
        """On a disk that is full nothing is half written."""
        place = tmp_path / "disk"
        place.mkdir()
        with mounted(place, "-t", "tmpfs", "-o", "size=1m", "none"):
            done = 0
            with pytest.raises(LedgerError, match=r"no space left|the disk failed"):
                async with SQLiteLedger(place / "ledger.db") as ledger:
                    for start in range(1, 99_000, 100):
                        numbers = range(start, start + 100)
                        await ledger.add([new_contact(number) for number in numbers])
                        done = start + 99
            for file in place.glob("ledger.db*"):
                shutil.copy(file, tmp_path)
        async with SQLiteLedger(tmp_path / "ledger.db") as ledger:
            counts = await ledger.counts()

        assert 100 <= counts[State.PENDING] <= done
        assert counts[State.PENDING] % 100 == 0

    async def test_another_writer(self, path: Path) -> None:
        """A program that writes to the file and does not end is said to be there."""
        async with SQLiteLedger(path, busy_timeout=0.1) as ledger:
            await ledger.add(contacts(1))
            with contextlib.closing(sqlite3.connect(path)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(LedgerError, match="another program is writing"):
                    await claim(ledger, 1)

    async def test_another_writer_that_ends(self, path: Path) -> None:
        """A program that writes to the file for a while is waited for."""
        async with SQLiteLedger(path, busy_timeout=60) as ledger:
            await ledger.add(contacts(1))
            with contextlib.closing(sqlite3.connect(path)) as other:
                other.execute("BEGIN IMMEDIATE")
                claiming = asyncio.ensure_future(claim(ledger, 1))
                await asyncio.sleep(0.1)
                waited = not claiming.done()
                other.rollback()
                claimed = await claiming

        assert waited
        assert len(claimed) == 1

    async def test_another_writer_while_opening(self, path: Path) -> None:
        """A program that writes to the file keeps it from being opened."""
        async with SQLiteLedger(path):
            pass
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = await fails_to_open(path, busy_timeout=0.1)

        assert "another program is writing to it (SQLITE_BUSY" in str(error)
