# ruff: noqa: ASYNC240
# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""Files that are no ledger, or none that this version can use."""

import contextlib
import os
import re
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    claim,
    contacts,
    fails_to_open,
    mounted,
    needs_mounts,
    some,
)

from digitro_async import (
    LedgerError,
    SchemaMismatchError,
)
from digitro_async.ledger import SQLiteLedger, SQLiteLedgerReader, State
from digitro_async.ledger.sqlite import _database, _ledger_files
from digitro_async.ledger.sqlite._connections import connect

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


class TestUnusable:
    """Files and places where no ledger can be."""

    async def test_folder_missing(self, path: Path) -> None:
        """A missing folder is said to be missing."""
        error = await fails_to_open(path.parent / "nowhere" / "ledger.db")

        assert "No such file or directory" in str(error)

    async def test_folder(self, path: Path) -> None:
        """A folder is no ledger."""
        path.mkdir()
        error = await fails_to_open(path)

        assert "can't be opened" in str(error)

    async def test_not_a_database(self, path: Path) -> None:
        """A file that is no database is left as it is."""
        path.write_bytes(b"id;destination\n1;04832817000\n" * 99)
        before = path.read_bytes()
        error = await fails_to_open(path)
        with pytest.raises(LedgerError, match="can't be read: it is not a ledger"):
            SQLiteLedgerReader(path).__enter__()

        assert "it is not a ledger" in str(error)
        assert path.read_bytes() == before

    @POSIX
    @pytest.mark.parametrize("version", [0, 2, 7])
    async def test_another_database(self, path: Path, version: int) -> None:
        """A database of somebody else is left as it is."""
        change(path, f"CREATE TABLE theirs (x); PRAGMA user_version = {version};")
        path.chmod(0o640)
        before = path.read_bytes()
        error = await fails_to_open(path)
        with pytest.raises(LedgerError) as caught:
            SQLiteLedgerReader(path).__enter__()

        assert error.reason == caught.value.reason == "not_a_ledger"
        assert path.read_bytes() == before
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    @pytest.mark.parametrize("where", [0, 40, 4096, 5000])
    async def test_damaged(self, path: Path, where: int) -> None:
        """A damaged file is refused or its contacts are all there."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(500))
        whole = bytearray(path.read_bytes())
        whole[where : where + 50] = b"\xa5" * 50
        path.write_bytes(whole)
        try:
            async with SQLiteLedger(path) as ledger:
                counts = some(await ledger.counts())
                shown = [entry async for entry in ledger.entries()]
        except LedgerError as error:
            assert error.reason in (  # noqa: PT017 - it may also be whole
                *("unusable", "unreadable", "not_a_ledger"),
            )
            assert re.search(r"damaged|not a ledger|make sense", str(error))  # noqa: PT017
        else:
            assert counts == {State.PENDING: 500}
            assert len(shown) == 500

    async def test_cut_off(self, path: Path) -> None:
        """A file that lost its end is damaged."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(500))
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
        with pytest.raises(LedgerError, match=r"it is damaged \(SQLITE_CORRUPT"):
            async with SQLiteLedger(path) as ledger:
                await claim(ledger, 500)

    async def test_newer_schema(self, path: Path) -> None:
        """A ledger of a newer version is left alone, by readers too."""
        async with SQLiteLedger(path):
            pass
        change(path, "PRAGMA user_version = 99")
        error = await fails_to_open(path)
        with pytest.raises(SchemaMismatchError):
            SQLiteLedgerReader(path).__enter__()

        assert isinstance(error, SchemaMismatchError)
        assert "schema 99" in str(error)

    @pytest.mark.parametrize(
        ("mounts", "refused"),
        [
            ("server:/x {place} nfs4 rw 0 0", True),
            ("//server/x {place} cifs rw 0 0", True),
            ("sshfs#x {place} fuse.sshfs rw 0 0", True),
            ("/dev/sda1 {place} ext4 rw 0 0", False),
            ("server:/x {place} nfs4 rw 0 0\n/dev/sda1 {place} ext4 rw 0 0", False),
            ("server:/x {place}er nfs4 rw 0 0", False),
            ("garbage\n", False),
        ],
    )
    async def test_network_file_systems(
        self, tmp_path: Path, monkeypatch: Any, mounts: str, *, refused: bool
    ) -> None:
        """A network file system is refused by its kind; a mount over it counts."""
        place = tmp_path / "a folder"
        place.mkdir()
        listed = str(place).replace(" ", "\\040")
        fake = tmp_path / "mounts"
        root = "/dev/sda1 / ext4 rw 0 0\n"
        fake.write_text(root + mounts.format(place=listed), encoding="utf-8")
        monkeypatch.setattr(_ledger_files, "_MOUNTS", fake)
        if refused:
            error = await fails_to_open(place / "ledger.db")

            assert error.reason == "network_file_system"
            assert list(place.iterdir()) == []
        else:
            async with SQLiteLedger(place / "ledger.db"):
                pass

    async def test_unknown_file_systems(self, path: Path, monkeypatch: Any) -> None:
        """Where the system doesn't tell what is mounted, nothing is refused."""
        monkeypatch.setattr(_ledger_files, "_MOUNTS", path.with_name("no mounts"))
        async with SQLiteLedger(path):
            pass

    async def test_old_sqlite(self, path: Path, monkeypatch: Any) -> None:
        """A SQLite that can't read our schema is said to be too old."""
        monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
        error = await fails_to_open(path)

        assert error.reason == "old_sqlite"

    async def test_a_bug_while_opening(self, path: Path, monkeypatch: Any) -> None:
        """Whatever goes wrong while it is opened, it is told, and nobody waits."""

        def break_down(*_: Any) -> None:
            raise KeyError("canary")

        monkeypatch.setattr(_database, "connect", break_down)
        error = await fails_to_open(path)

        assert str(error).startswith("ledger.db can't be opened: KeyError")
        assert error.reason == "unusable"

    async def test_no_write_ahead_log(self, path: Path, monkeypatch: Any) -> None:
        """A place where the log can't be had is refused."""
        monkeypatch.setattr(_database, "connect", connect_without_log)
        error = await fails_to_open(path)

        assert error.reason == "no_wal"

    @needs_mounts
    async def test_read_only(self, path: Path) -> None:
        """A file on a read-only disk is refused."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(1))
        with mounted(path.parent, "--bind", str(path.parent), "-o", "ro"):
            error = await fails_to_open(path)

        assert "Read-only file system" in str(error)
        async with SQLiteLedger(path) as ledger:
            assert some(await ledger.counts()) == {State.PENDING: 1}

    async def test_no_reader_without_ledger(self, path: Path) -> None:
        """Reading makes no file, and needs to be entered."""
        reader = SQLiteLedgerReader(path)
        with pytest.raises(LedgerError) as caught:
            reader.__enter__()
        with pytest.raises(LedgerError) as closed:
            reader.counts()

        assert (caught.value.reason, closed.value.reason) == ("no_ledger", "closed")
        assert list(path.parent.iterdir()) == []

    async def test_reader_of_an_empty_file(self, path: Path) -> None:
        """A file that is not a ledger yet can't be read."""
        path.touch()
        with pytest.raises(SchemaMismatchError):
            SQLiteLedgerReader(path).__enter__()


def connect_without_log(path: Path, *settings: Any) -> sqlite3.Connection:
    """Open a file whose SQLite does not do as it is told."""
    real = sqlite3.connect

    class Stubborn(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("= WAL", "= DELETE"), *values)

    def stubborn(*given: Any, **more: Any) -> sqlite3.Connection:
        return real(*given, factory=Stubborn, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", stubborn)
        return connect(path, *settings)
