# ruff: noqa: ASYNC240
# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""What only a ledger in a file can do wrong: files, modes, owners, schemas."""

import asyncio
import contextlib
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    NOW,
    accept,
    contacts,
    fails_to_open,
    lose,
    mounted,
    needs_mounts,
    new_contact,
    open_intents,
    some,
)
from places import ROOT

from digitro_async import (
    ConfigurationError,
    LedgerError,
    LedgerInUseError,
    SchemaMismatchError,
    open_ledger,
)
from digitro_async.ledger import SQLiteLedger, SQLiteLedgerReader, State
from digitro_async.ledger.sqlite import _database, _ledger_files, _migrations
from digitro_async.ledger.sqlite._connections import connect
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
            await ledger.claim(1)
            await ledger.intend(1, "one", NOW)
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
        """What a contact does not have is NULL; text of zero or of nothing is text."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(
                [
                    new_contact(1, id=None),
                    new_contact(2, id="0", pabx="0"),
                    new_contact(3, id="", pabx=""),
                ]
            )
            claimed = await ledger.claim(3)

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
            "        await asyncio.sleep(60)\n"
            "asyncio.run(main())\n"
        )
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, str(path)), stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        async with asyncio.timeout(20):
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
            "postgresql://user:canary@host/db",
            "http://canary/a.db",
        ],
    )
    def test_what_is_none(self, address: str) -> None:
        """What leads to no file is refused, and not repeated."""
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
                await ledger.claim(500)

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


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Return all that a database is made of, without comments and blanks."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master")
    return {
        f"{kind} {name}": " ".join(re.sub(r"--[^\n]*", "", sql or "").split())
        for kind, name, sql in rows
    }


def sql_files() -> dict[str, str]:
    """Return the SQL files of the package."""
    folder = resources.files("digitro_async.ledger.sqlite") / "sql"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


class TestMigrations:
    """Schemas are brought up to date step by step."""

    def test_migrating_equals_installing(self) -> None:
        """The numbered files together make what the whole schema says."""
        migrated = sqlite3.connect(":memory:", isolation_level=None)
        installed = sqlite3.connect(":memory:", isolation_level=None)
        _migrations.migrate(migrated)
        installed.executescript(sql_files()["schema.sql"])
        pragmas = [
            one.execute("PRAGMA application_id").fetchone()
            for one in (migrated, installed)
        ]

        assert schema_of(migrated) == schema_of(installed)
        assert len(schema_of(migrated)) >= 8
        assert pragmas[0] == pragmas[1]
        migrated.close()
        installed.close()

    def test_numbers(self) -> None:
        """The files are numbered from 1 without a gap."""
        numbered = sorted(name for name in sql_files() if name != "schema.sql")

        assert [int(name[:4]) for name in numbered] == list(range(1, len(numbered) + 1))
        assert _migrations.latest_version() == len(numbered)

    def test_again(self) -> None:
        """A schema that is up to date is left as it is."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        _migrations.migrate(connection)
        before = schema_of(connection)
        _migrations.migrate(connection)

        assert schema_of(connection) == before
        assert _migrations.version_of(connection) == _migrations.latest_version()
        connection.close()

    @pytest.mark.parametrize("version", range(_migrations.latest_version()))
    async def test_from_each_version(
        self, path: Path, monkeypatch: Any, version: int
    ) -> None:
        """A ledger of each older version is opened, with all that is in it."""
        every = _migrations._migrations()
        if version:
            monkeypatch.setattr(_migrations, "_migrations", lambda: every[:version])
            async with SQLiteLedger(path) as ledger:
                await ledger.add(contacts(3))
        monkeypatch.setattr(_migrations, "_migrations", lambda: every)
        async with SQLiteLedger(path) as ledger:
            added = await ledger.add(contacts(3))

        assert [one.new for one in added] == [version == 0] * 3
        assert query(path, "PRAGMA user_version") == [(len(every),)]

    @pytest.mark.parametrize("broken", range(1, _migrations.latest_version() + 2))
    async def test_a_migration_that_fails(
        self, path: Path, monkeypatch: Any, broken: int
    ) -> None:
        """A migration that fails half way leaves nothing of itself behind."""
        every = _migrations._migrations()
        more = (*every, (len(every) + 1, "CREATE TABLE extra (x);"))
        bad = [
            (
                number,
                sql + ("\nINSERT INTO nowhere VALUES (1);" if number == broken else ""),
            )
            for number, sql in more
        ]
        monkeypatch.setattr(_migrations, "_migrations", lambda: tuple(bad))
        error = await fails_to_open(path)
        version = query(path, "PRAGMA user_version")
        monkeypatch.setattr(_migrations, "_migrations", lambda: more)
        async with SQLiteLedger(path):
            pass

        assert error.reason == "unusable"
        assert version == [(broken - 1,)]
        assert query(path, "PRAGMA user_version") == [(len(more),)]

    def test_packaged(self, tmp_path: Path) -> None:
        """The wheel brings all SQL files."""
        pytest.importorskip("hatchling")
        source = tmp_path / "source"
        source.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        shutil.copytree(
            ROOT / "digitro_async",
            source / "digitro_async",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
            cwd=source,
            check=True,
            capture_output=True,
            timeout=50,
        )
        (wheel,) = tmp_path.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = {Path(name).name for name in archive.namelist()}

        assert set(sql_files()) <= names
