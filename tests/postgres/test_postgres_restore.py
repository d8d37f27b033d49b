"""A database that came back from a backup is noticed, and nobody is called twice."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from filled_ledgers import contents, fill
from ledgers import OWNER, contacts
from postgres_server import PostgresServer, database, needs_postgres, shared_server

from digitro_async import LedgerError
from digitro_async.ledger import State, open_ledger
from digitro_async.ledger.transfer import copy_ledger, settle_ledger

pytestmark = needs_postgres

SECONDS = 60.0
"""A busy machine is slow."""


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a database."""
    with database() as one:
        yield one


def run(server: PostgresServer, program: str, *words: object) -> None:
    """Run a program of PostgreSQL's."""
    command = [str(server._programs / program), *map(str, words)]
    subprocess.run(command, check=True, timeout=SECONDS, capture_output=True)


def ask(address: str, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with contextlib.closing(psycopg.connect(address, autocommit=True)) as connection:
        return connection.execute(statement.encode()).fetchall()


def is_home(address: str) -> bool:
    """Whether a database is where it was."""
    [(found,)] = ask(address, "SELECT digitro.check_home()")
    return bool(found)


async def refuses(address: str, folder: Path) -> str | None:
    """Return why the campaign can't be moved, which is as little as dialling it."""
    try:
        copy_ledger(address, folder / "moved.db")
    except LedgerError as error:
        return error.reason
    return None


class TestDumps:
    """``pg_dump`` and ``pg_restore``."""

    def test_nothing_came_back(self, address: str) -> None:
        """A database is at home, also after all of its rows were frozen and moved."""
        is_home(address)  # it was made of a template: that is a new place
        with contextlib.closing(psycopg.connect(address, autocommit=True)) as one:
            one.execute("VACUUM (FREEZE) digitro.home")
            one.execute("VACUUM FULL digitro.home")

        assert is_home(address)

    async def test_a_restored_dump(self, tmp_path: Path, address: str) -> None:
        """In another database, or over itself: it is refused until it is settled."""
        server = shared_server()
        await fill(tmp_path / "a.db")
        copy_ledger(tmp_path / "a.db", address)
        run(server, "pg_dump", "-Fc", "-f", tmp_path / "dump", address)
        with database(migrated=False) as other:
            run(server, "pg_restore", "-d", other, tmp_path / "dump")
            assert await refuses(other, tmp_path) == "restored"
        run(server, "pg_restore", "--clean", "-d", address, tmp_path / "dump")
        assert await refuses(address, tmp_path) == "restored"
        summary = settle_ledger(address)
        assert await refuses(address, tmp_path) is None

        states = [one.state for one in await contents(tmp_path / "moved.db")]
        assert summary.unknown == 2
        assert State.PENDING not in states

    async def test_every_campaign_is_settled_by_itself(
        self, tmp_path: Path, address: str
    ) -> None:
        """To settle one campaign of a restored database settles no other one."""
        server = shared_server()
        for name in ("one", "two"):
            await fill(tmp_path / f"{name}.db")
            copy_ledger(tmp_path / f"{name}.db", address, campaign=name)
        run(server, "pg_dump", "-Fc", "-f", tmp_path / "dump", address)
        with database(migrated=False) as other:
            run(server, "pg_restore", "-d", other, tmp_path / "dump")
            settle_ledger(other, campaign="one")
            copy_ledger(other, tmp_path / "moved.db", campaign="one")
            with pytest.raises(LedgerError) as caught:
                copy_ledger(other, tmp_path / "moved2.db", campaign="two")

        assert caught.value.reason == "restored"

    async def test_a_crash_of_the_server_is_no_restore(self, tmp_path: Path) -> None:
        """A server that was killed comes back with all that it said was noted."""
        server = PostgresServer()
        try:
            address = server.address(server.create_database())
            await fill(tmp_path / "a.db")
            copy_ledger(tmp_path / "a.db", address)
            server.crash()

            assert await refuses(address, tmp_path) is None
        finally:
            server.remove()


async def test_a_restore_while_a_ledger_is_open(address: str) -> None:
    """Who had a restored database open is told when it connects anew, and stops."""
    async with open_ledger(address) as ledger:
        await ledger.add(contacts(3))
        with contextlib.closing(psycopg.connect(address, autocommit=True)) as one:
            # As a restore does, it is written by another transaction than it says.
            one.execute("UPDATE digitro.home SET timeline = timeline")
            one.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(LedgerError) as caught:
            await ledger.claim(3, OWNER, 60.0)

    assert caught.value.reason == "restored"


async def test_a_restored_ledger_is_not_opened(address: str) -> None:
    """Neither one campaign nor another is opened before it was settled."""
    for name in ("one", "two"):
        async with open_ledger(address, campaign=name) as ledger:
            await ledger.add(contacts(3))
    with contextlib.closing(psycopg.connect(address, autocommit=True)) as one:
        one.execute("UPDATE digitro.home SET timeline = timeline")
    for name in ("one", "two"):
        with pytest.raises(LedgerError, match="was restored from a backup"):
            await open_ledger(address, campaign=name).__aenter__()
    settle_ledger(address, campaign="one", nobody_dialled=True)
    async with open_ledger(address, campaign="one") as ledger:
        assert len(await ledger.claim(3, OWNER, 60.0)) == 3


def wait_for(address: str, statement: str) -> None:
    """Wait until a statement says true."""
    until = time.monotonic() + SECONDS
    while ask(address, statement) != [(True,)]:
        assert time.monotonic() < until
        time.sleep(0.05)


def replace_data(server: PostgresServer, base: Path, **settings: str) -> None:
    """Put a base backup in the place of a server's data, to be recovered."""
    data = server.folder / "data"
    shutil.rmtree(data)
    shutil.copytree(base, data)
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    (data / "recovery.signal").touch()
    if server._user is not None:
        for path in (data, *data.rglob("*")):
            shutil.chown(path, server._user, server._user)
    data.chmod(0o700)


async def test_recovery_from_an_archive(tmp_path: Path) -> None:
    """To the last commit nothing is lost; it is refused until somebody says so."""
    server = PostgresServer(archive_mode="on", wal_level="replica")
    try:
        name = server.create_database()
        address, postgres = server.address(name), server.address("postgres", "postgres")
        archive = server.folder / "archive"
        archive.mkdir()
        shutil.chown(archive, server.folder.owner())
        with server.connect("postgres", "postgres") as connection:
            connection.execute(f"ALTER SYSTEM SET archive_command = 'cp %p {archive}'")
        server.stop()
        base = tmp_path / "base"
        shutil.copytree(server.folder / "data", base)
        server.start()
        before = await fill(tmp_path / "a.db")
        copy_ledger(tmp_path / "a.db", address)
        last = ask(postgres, "SELECT pg_walfile_name(pg_switch_wal())")[0][0]
        wait_for(
            postgres, f"SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver"
        )
        server.stop()
        replace_data(server, base, restore_command=f"cp {archive}/%f %p")
        server.start()
        wait_for(postgres, "SELECT NOT pg_is_in_recovery()")
        first = await refuses(address, tmp_path)
        settle_ledger(address, nobody_dialled=True)
        copy_ledger(address, tmp_path / "b.db")
    finally:
        server.remove()

    assert first == "restored"
    assert await contents(tmp_path / "b.db") == before
