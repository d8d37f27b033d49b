"""A PostgreSQL server of the tests' own: Debian's package, in a temporary folder.

``shared_server`` starts one for this process when it is first asked for, and ends it
with the process, also where that is killed. Each test takes a database of its own.
"""

import asyncio
import atexit
import contextlib
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from digitro_async.ledger.postgres._postgres_migrations import migrate

__all__ = [
    "PASSWORD",
    "PostgresServer",
    "database",
    "needs_postgres",
    "shared_server",
]

PASSWORD: Final = "canary-s3cret/@:"
"""The password of the role "secretive", which alone has to give one."""

_FOLDERS: Final = "/usr/lib/postgresql"
_SECONDS: Final = 120.0
"""A busy machine is slow."""

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # no test cuts the power
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "lc_messages": "C",
}

_HBA: Final = """\
local all all trust
host all secretive 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""

_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'digitro'"
_END_OTHERS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

# Ends with whoever started it: nobody has to be alive to close the other end.
_GUARD: Final = '"$@" & read -r _; kill -INT $!; wait $!'


def _programs() -> Path | None:
    """Return the folder of the newest PostgreSQL there is."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = Path(_FOLDERS).glob("*/bin/initdb")
    several = sorted(folders, key=lambda one: int(one.parts[-3]))
    return several[-1].parent if several else None


_PROGRAMS: Final = _programs()

_MISSING: Final = 'needs PostgreSQL: Debian\'s package "postgresql"'

needs_postgres = pytest.mark.skipif(_PROGRAMS is None, reason=_MISSING)


class PostgresServer:
    """A server with the roles "postgres" (superuser), "digitro" and "secretive".

    Args:
        settings: Settings of ``postgresql.conf``, beside those of every test server.

    Attributes:
        folder: The folder of its data and its socket.
        port: The port on 127.0.0.1.
    """

    def __init__(self, **settings: str) -> None:
        if _PROGRAMS is None:
            raise LookupError(_MISSING)
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.port = _free_port()
        self._programs = _PROGRAMS
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._guard: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._truncation = ""
        self._left: list[str] = []
        self._cleared: list[str] = []
        self._make(settings)
        self.start()
        with self.connect("postgres", "postgres") as connection:
            connection.execute("CREATE ROLE digitro LOGIN CREATEDB")
            login = sql.SQL("CREATE ROLE secretive LOGIN PASSWORD {}")
            connection.execute(login.format(PASSWORD))
        self._make_template()

    def address(self, name: str, user: str = "digitro", password: str = "") -> str:
        """Return the address of a database."""
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{name}"

    def connect(
        self, name: str, user: str = "digitro"
    ) -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection in autocommit mode."""
        return psycopg.connect(self.address(name, user), autocommit=True)

    def create_database(self, *, migrated: bool = True, for_test: bool = False) -> str:
        """Make a database and return its name.

        Args:
            migrated: Whether it has the schema of the ledger already.
            for_test: Whether it is for the test that runs alone, which leaves its
                schema and settings as they are: others get it, emptied, later.
        """
        if for_test and self._cleared:
            self._left.append(self._cleared.pop())
            return self._left[-1]
        self._databases += 1
        name = f"test_{self._databases}"
        with self.connect("postgres", "postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER digitro TEMPLATE {}").format(
                    sql.Identifier(name),
                    sql.Identifier("migrated" if migrated else "template1"),
                )
            )
        if for_test:
            self._left.append(name)
        return name

    def clear_databases(self) -> None:
        """Empty the databases that were made for a test that is over."""
        while self._left:
            name = self._left.pop()
            with self.connect(name, "postgres") as connection:
                connection.execute(_END_OTHERS)
                connection.execute("SET session_replication_role = replica")
                connection.execute(sql.SQL(self._truncation))
            self._cleared.append(name)

    def drop_database(self, name: str) -> None:
        """Delete a database, whoever is connected to it."""
        with self.connect("postgres", "postgres") as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))

    def start(self) -> None:
        """Start it and return once it answers."""
        postgres = [str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        with (self.folder / "log").open("ab") as log:
            self._guard = subprocess.Popen(
                ["sh", "-c", _GUARD, "sh", *postgres],
                user=self._user,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
            )
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it.

        Args:
            how: SIGINT ends it in order; SIGQUIT is "immediate", as a crash of it.
        """
        guard, self._guard = self._guard, None
        if guard is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process_id, how)
        guard.communicate(timeout=_SECONDS)

    def crash(self) -> None:
        """End it as a crash of the server does, and start it again."""
        self.stop(signal.SIGQUIT)
        self.start()

    @property
    def process_id(self) -> int:
        """The id of its first process."""
        text = (self.folder / "data" / "postmaster.pid").read_text()
        return int(text.splitlines()[0])

    def remove(self) -> None:
        """End it and delete all that it kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self, settings: dict[str, str]) -> None:
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        data = self.folder / "data"
        subprocess.run(
            [
                *(str(self._programs / "initdb"), "-D", str(data), "-U", "postgres"),
                *("-E", "UTF8", "--locale=C", "--no-sync", "-A", "trust"),
            ],
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=_SECONDS,
        )
        (data / "pg_hba.conf").write_text(_HBA)
        given = {
            **_SETTINGS,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **settings,
        }
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in given.items())

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _SECONDS
        while True:
            try:
                self.connect("postgres", "postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def _make_template(self) -> None:
        with self.connect("postgres", "postgres") as connection:
            connection.execute("CREATE DATABASE migrated OWNER digitro")

        async def make() -> None:
            opening = psycopg.AsyncConnection.connect(
                self.address("migrated"), autocommit=True
            )
            async with await opening as connection:
                await migrate(connection)

        # Also where a loop runs in this thread already.
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            _in_thread(lambda: loop.run_until_complete(make()))
        with self.connect("migrated") as connection:
            rows = connection.execute(_TABLES).fetchall()
            # Rows that migrations put in stay.
            empty = [
                f"digitro.{name}"
                for (name,) in rows
                if not connection.execute(
                    sql.SQL("SELECT 1 FROM digitro.{} LIMIT 1").format(
                        sql.Identifier(str(name))
                    )
                ).fetchall()
            ]
        self._truncation = f"TRUNCATE {', '.join(empty)} RESTART IDENTITY CASCADE"


@functools.cache
def shared_server() -> PostgresServer:
    """Return the server of this process, which is started the first time.

    The test is skipped where there is no PostgreSQL.
    """
    if _PROGRAMS is None:
        pytest.skip(_MISSING)
    server = PostgresServer()
    atexit.register(server.remove)
    return server


@contextlib.contextmanager
def database(*, migrated: bool = True) -> Iterator[str]:
    """Make a database for a block, and yield its address."""
    server = shared_server()
    name = server.create_database(migrated=migrated)
    try:
        yield server.address(name)
    finally:
        server.drop_database(name)


def _in_thread(act: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
