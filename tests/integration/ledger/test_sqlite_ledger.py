# ruff: noqa: ASYNC240
# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""Files of a ledger, their modes and owner, and the addresses that mean them."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    NOW,
    accept,
    claim,
    contacts,
    fails_to_open,
    intend,
    lose,
    new_contact,
    open_intents,
    some,
)

from digitro_async import (
    ConfigurationError,
    LedgerError,
    LedgerInUseError,
    open_ledger,
)
from digitro_async.ledger import (
    LedgerRehearsal,
    SQLiteLedger,
    SQLiteLedgerReader,
    State,
)
from digitro_async.privacy import Personal

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


def query(path: Path, sql: str, *values: Any) -> list[Any]:
    """Return what a file answers, read by nothing of ours."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def change(path: Path, sql: str) -> None:
    """Change a file behind the ledger's back."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(sql)


class TestFiles:
    """The files of a ledger and who may read them."""

    @POSIX
    async def test_modes(self, path: Path) -> None:
        """All files of a ledger are for their owner only, whatever the umask."""
        old = os.umask(0)
        try:
            async with SQLiteLedger(path) as ledger:
                await ledger.add(contacts(3))
                found = {
                    file.name: stat.S_IMODE(file.stat().st_mode)
                    for file in path.parent.iterdir()
                }
        finally:
            os.umask(old)

        assert found == dict.fromkeys(
            ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"], 0o600
        )

    @POSIX
    async def test_modes_of_old_files(self, path: Path) -> None:
        """Files that others could read are closed to them when it is opened."""
        async with SQLiteLedger(path):
            pass
        path.chmod(0o644)
        async with SQLiteLedger(path):
            modes = {
                stat.S_IMODE(path.with_name(path.name + end).stat().st_mode)
                for end in ("", "-wal", "-shm")
            }

        assert modes == {0o600}

    async def test_what_stays(self, path: Path) -> None:
        """After closing, the database and the lock's file are left, and no more."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(3))

        assert sorted(file.name for file in path.parent.iterdir()) == [
            "ledger.db",
            "ledger.db.lock",
        ]
        assert query(path, "PRAGMA integrity_check") == [("ok",)]

    async def test_settings_of_the_connection(self, path: Path) -> None:
        """Commits are synced in full, into a write-ahead log."""
        async with SQLiteLedger(path) as ledger:
            connection = ledger._file._connection
            assert connection is not None
            seen: dict[str, Any] = {}

            def look(one: sqlite3.Connection) -> None:
                for name in ("journal_mode", "synchronous", "foreign_keys"):
                    (seen[name],) = one.execute(f"PRAGMA {name}").fetchone()

            await ledger._call(look)

        assert seen == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}

    async def test_where_personal_data_stands(self, path: Path) -> None:
        """Numbers, ids and own fields stand in one table and nowhere else."""
        canaries = ["04832817000", "CPF-123-canary", "secret-4567", "Fulano de Tal"]
        async with SQLiteLedger(path) as ledger:
            await ledger.add(
                [
                    new_contact(
                        1,
                        id=canaries[1],
                        destination=Personal(canaries[0]),
                        fields={
                            "device_password": canaries[2],
                            "user_data": canaries[3],
                        },
                    )
                ]
            )
            await claim(ledger, 1)
            await intend(ledger, 1, "one", NOW)
            await lose(ledger, 1)
            await ledger.reconcile(canaries[1], accepted=True, evidence="x", now=NOW)
        tables = [name for (name,) in query(path, "SELECT name FROM sqlite_master")]
        held = {
            name
            for name in tables
            if not name.startswith("sqlite_") and name.islower() and "_" not in name
            if any(one in str(query(path, f"SELECT * FROM {name}")) for one in canaries)
        }
        change(path, "DROP TABLE person; VACUUM;")

        assert held == {"person"}
        assert {"contact", "event", "setting", "person"} <= set(tables)
        assert [one for one in canaries if one.encode() in path.read_bytes()] == []

    async def test_nothing_is_taken_for_text(self, path: Path) -> None:
        """A field that a contact lacks is NULL; an empty text or a zero is text."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(
                [
                    new_contact(1, id=None),
                    new_contact(2, id="0", pabx="0"),
                    new_contact(3, id="", pabx=""),
                ]
            )
            claimed = await claim(ledger, 3)

        assert query(path, "SELECT id, pabx, fields FROM person ORDER BY number") == [
            (None, None, None),
            ("0", "0", None),
            ("", "", None),
        ]
        assert [contact.pabx for contact in claimed] == [None, "0", ""]

    async def test_links(self, path: Path) -> None:
        """A link to an open ledger is the same ledger."""
        link = path.with_name("link.db")
        try:
            link.symlink_to(path)
        except OSError:
            pytest.skip("links can't be made here")
        async with SQLiteLedger(path):
            error = None
            with pytest.raises(LedgerInUseError) as caught:
                await SQLiteLedger(link).__aenter__()
            error = caught.value

        assert error.reason == "in_use"

    async def test_odd_names(self, tmp_path: Path) -> None:
        """A ledger may be called anything; what can't be shown is escaped."""
        path = tmp_path / "a b?#%20\n\x1b[31mé.db"
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(1))

            assert some(await ledger.counts()) == {State.PENDING: 1}
            assert repr(ledger).isprintable()
            with pytest.raises(LedgerInUseError) as caught:
                await SQLiteLedger(path).__aenter__()
        assert str(caught.value).isprintable()
        with SQLiteLedgerReader(path) as reader:
            assert some(reader.counts()) == {State.PENDING: 1}

    async def test_events_are_never_changed(self, path: Path) -> None:
        """The record of what happened can be added to, not changed."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 1)
        for sql in ("UPDATE event SET at = 0", "DELETE FROM event"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
                query(path, sql)

    async def test_events(self, path: Path) -> None:
        """Each attempt leaves an intent and its end, in order, with what was said."""
        async with SQLiteLedger(path) as ledger:
            first, second = await open_intents(ledger, 2)
            await accept(ledger, first, "same")
            await accept(ledger, second, "same")
            await ledger.reconcile("C2", accepted=False, evidence="saw it", now=NOW + 9)
        rows = query(
            path,
            "SELECT contact, step, at, pabx, call_id, reason FROM event ORDER BY 1",
        )

        assert rows == [
            (1, 3, NOW, "one", None, None),
            (1, 4, NOW + 1, "one", "same", None),
            (2, 3, NOW, "one", None, None),
            (2, 6, NOW + 1, "one", "same", "repeated_call_id"),
            (2, 12, NOW + 9, "one", None, "saw it"),
        ]


class TestOwner:
    """One live owner."""

    async def test_in_another_process(self, path: Path) -> None:
        """A ledger that another process has open is refused, until that one dies."""
        program = (
            "import asyncio, sys\n"
            "from pathlib import Path\n"
            "from digitro_async.ledger import SQLiteLedger\n"
            "async def main():\n"
            "    async with SQLiteLedger(Path(sys.argv[1])):\n"
            "        print('open', flush=True)\n"
            "        await asyncio.sleep(600)\n"
            "asyncio.run(main())\n"
        )
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, str(path)), stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        async with asyncio.timeout(60):
            assert await child.stdout.readline() == b"open\n"
        error = await fails_to_open(path)
        child.kill()
        await child.communicate()
        async with SQLiteLedger(path) as ledger:
            counts = await ledger.counts()

        assert isinstance(error, LedgerInUseError)
        assert some(counts) == {}

    async def test_entered_twice(self, path: Path) -> None:
        """A ledger is entered once, and after a failure once more."""
        ledger = SQLiteLedger(path)
        async with SQLiteLedger(path):
            with pytest.raises(LedgerInUseError):
                await ledger.__aenter__()
        async with ledger:
            pass
        with pytest.raises(LedgerError) as caught:
            await ledger.__aenter__()

        assert caught.value.reason == "entered_before"

    async def test_readers(self, path: Path) -> None:
        """A ledger can be read while it is open, also in the middle of its writing."""
        async with SQLiteLedger(path) as ledger:
            numbers = await open_intents(ledger, 1_200)
            await accept(ledger, numbers[0], "1")
            with SQLiteLedgerReader(path) as reader:
                counts = reader.counts()
                shown = [entry.number for entry in reader.entries()]
                count_exhausted = reader.count_exhausted(1)

        assert some(counts) == {State.ACCEPTED: 1, State.INTENT: 1_199}
        assert shown == numbers
        assert count_exhausted == 0


class TestOpenLedger:
    """Addresses of ledgers."""

    def test_addresses(self, tmp_path: Path) -> None:
        """A path and an address lead to a file."""
        absolute = f"sqlite:///{tmp_path}/a%20b.db"
        files = [
            open_ledger(address)._file.path  # type: ignore[attr-defined]
            for address in ("a.db", Path("a.db"), "sqlite:///a.db", absolute)
        ]

        assert files == [Path("a.db")] * 3 + [tmp_path / "a b.db"]

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "sqlite://",
            "sqlite:///",
            "sqlite://host/a.db",
            "sqlite:///a.db?mode=ro",
            "sqlite:///a.db#x",
            ":memory:",
            "sqlite:///:memory:",
            "mysql://user:canary@host/db",
            "http://canary/a.db",
        ],
    )
    def test_what_is_none(self, address: str) -> None:
        """An address that leads to no file is refused, and not repeated."""
        with pytest.raises(ConfigurationError) as caught:
            open_ledger(address)

        assert caught.value.reason == "ledger_address"
        assert "canary" not in str(caught.value) + repr(caught.value)

    @pytest.mark.parametrize(
        "given", [{"synchronous": "ON; DROP"}, {"busy_timeout": -1.0}]
    )
    def test_settings(self, path: Path, given: Any) -> None:
        """Settings that mean nothing are refused."""
        with pytest.raises(ConfigurationError):
            SQLiteLedger(path, **given)


async def test_rehearsal_of_what_was_left_open(path: Path) -> None:
    """What a gone owner had claimed would be called; what it had begun would not."""
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        await ledger.add(contacts(5))
        await claim(ledger, 3)
        await intend(ledger, 1, "one", NOW)
        with LedgerRehearsal(path) as rehearsal:
            pending = rehearsal.count_pending(5, known=[])

    assert pending == 4
