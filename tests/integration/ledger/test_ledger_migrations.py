# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""Schemas of a ledger in a file are brought up to date step by step."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    NOW,
    claim,
    contacts,
    fails_to_open,
    intend,
    states,
)
from places import ROOT

from digitro_async.ledger import SQLiteLedger, State
from digitro_async.ledger._stored_contacts import hashes_of
from digitro_async.ledger.sqlite import _migrations
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


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Return all that a database is made of, without comments and blanks."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master")
    return {f"{kind} {name}": bare(sql or "") for kind, name, sql in rows}


def bare(sql: str) -> str:
    """Return a statement without comments and without blanks that mean nothing."""
    text = " ".join(re.sub(r"--[^\n]*", "", sql).split())
    return re.sub(r" ?([(),]) ?", r"\1", text)


def sql_files() -> dict[str, str]:
    """Return the SQL files of the package."""
    folder = resources.files("digitro_async.ledger.sqlite") / "sql"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


def make_old_ledger(path: Path) -> None:
    """Make a ledger of a migration's version, whose owner was killed.

    Its first contact is pending, the second one claimed, the third one being called.
    """
    connection = connect(path, "FULL", 1.0)
    _migrations.migrate(connection)
    key = bytes(32)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO identity_key VALUES (1, ?)", (key,))
    old = contacts(3)
    for number, digest in enumerate(hashes_of(old, key), 1):
        connection.execute(
            "INSERT INTO contact (number, hash, line) VALUES (?, ?, ?)",
            (number, digest, number),
        )
        connection.execute(
            "INSERT INTO person (number, id, destination) VALUES (?, ?, ?)",
            (number, f"C{number}", f"0483281{number:04d}"),
        )
    connection.execute("UPDATE contact SET state = number")
    connection.execute("COMMIT")
    connection.close()


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
            with monkeypatch.context() as patch:
                patch.setattr(_migrations, "_migrations", lambda: every[:version])
                make_old_ledger(path)
        async with SQLiteLedger(path) as ledger:
            added = await ledger.add(contacts(3))
            recovered = ledger.recovered
            found = await states(ledger)
            claimed = await claim(ledger, 3)
            for one in claimed:
                await intend(ledger, one.number, "one", NOW)

        assert [one.new for one in added] == [version == 0] * 3
        assert recovered == (version > 0)
        assert found[1] is found[2] is State.PENDING
        assert found[3] is (State.UNKNOWN if version else State.PENDING)
        assert [one.number for one in claimed] == ([1, 2] if version else [1, 2, 3])
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
            timeout=280,
        )
        (wheel,) = tmp_path.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = {Path(name).name for name in archive.namelist()}

        assert set(sql_files()) <= names
