"""Runs that begin in one ledger and end in another, counted by the simulator."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    Capture,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    run_here,
    write_contacts,
)
from ledgers import claim, contacts
from postgres_server import database, needs_postgres, shared_server

from digitro_async import LedgerInUseError
from digitro_async.ledger import PostgresLedger
from digitro_async.ledger.transfer import copy_ledger
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = needs_postgres

EVERYBODY = Counter(number(i) for i in range(30))


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a database."""
    with database() as one:
        yield one


def dial(capsys: Capture, ledger: str, *words: object) -> int:
    """Dial the list through a ledger, and return the exit code."""
    return run_here(capsys, "dial", "c.csv", "--ledger", ledger, *words).code


def dump_and_restore(address: str, other: str, file: Path) -> None:
    """Restore a dump of a database over another one."""
    programs = shared_server()._programs
    for words in (
        ("pg_dump", "-Fc", "-f", str(file), address),
        ("pg_restore", "--clean", "--if-exists", "-d", other, str(file)),
    ):
        command = [str(programs / words[0]), *words[1:]]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_from_a_file_to_a_database_and_back(
    folder: Path, pabx: FakePABX, capsys: Capture, address: str
) -> None:
    """A third in a file, a third in a database, the rest in a file: everybody once."""
    write_contacts(folder / "c.csv", 30)
    dial(capsys, "a.db", "--limit", 10)
    there = run_here(capsys, "ledger", "copy", "a.db", address)
    dial(capsys, address, "--limit", 10)
    back = run_here(capsys, "ledger", "copy", address, "b.db")
    code = dial(capsys, "b.db")

    assert (there.code, back.code, code) == (0, 0, 0)
    assert dial(capsys, "a.db") == dial(capsys, address) == 2
    assert Counter(numbers_of(pabx)) == EVERYBODY


async def test_a_refused_move_leaves_no_file(address: str, tmp_path: Path) -> None:
    """A ledger that is being dialled is refused before a target is made for it."""
    target = tmp_path / "b.db"
    async with PostgresLedger(address) as ledger:
        await ledger.add(contacts(2))
        await claim(ledger, 1)
        with pytest.raises(LedgerInUseError, match="1 contacts are claimed"):
            await asyncio.to_thread(copy_ledger, address, target)

    assert not list(tmp_path.iterdir())  # noqa: ASYNC240


def test_a_restored_dump_calls_nobody_twice(
    folder: Path, pabx: FakePABX, capsys: Capture, address: str, tmp_path: Path
) -> None:
    """Whoever was called after a dump is left out, by doubt or by the last results."""
    write_contacts(folder / "c.csv", 30)
    dial(capsys, address, "--limit", 10)
    with database() as other, database() as third:
        dump_and_restore(address, other, tmp_path / "dump")
        dump_and_restore(address, third, tmp_path / "dump")
        dial(capsys, address, "--limit", 10)
        run_here(capsys, "results", "--ledger", address, "--out", "last.csv")
        refused = dial(capsys, other)
        settled = run_here(capsys, "ledger", "restored", other, "--all-unknown")
        dial(capsys, other)
        called = Counter(numbers_of(pabx))
        known = run_here(capsys, "ledger", "restored", third, "--results", "last.csv")
        dial(capsys, third)

    assert (refused, settled.code, known.code) == (2, 0, 0)
    assert "became unknown    20\n" in settled.out
    assert "became unknown    0\nbecame accepted   10\n" in known.out
    assert (len(called), max(called.values())) == (20, 1)
    assert Counter(numbers_of(pabx)) == EVERYBODY
