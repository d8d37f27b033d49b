"""A ledger of a million contacts, in a process of its own."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from digitro_async.ledger.sqlite._connections import connect
from digitro_async.ledger.sqlite._migrations import migrate

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

MILLION = 1_000_000
MIB = 2**20

COMMON = """
import asyncio, json, sys, time
from pathlib import Path
from digitro_async import PABX, Campaign, DigitroClient, PredictiveCall
from digitro_async.ledger import ClaimOwner, SQLiteLedger, SQLiteLedgerReader
from digitro_async.contacts import ContactRow

OWNER = ClaimOwner("scale")
CALL = {"device": "1125000", "device_password": "4567"}

def memory(name):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(name)[2].split()[0]) * 1024

def client():
    return DigitroClient(PABX("one", "http://127.0.0.1:9", 1, "key"))
"""

RESUME = """
async def main():
    began = time.perf_counter()
    async with SQLiteLedger(Path(sys.argv[1])) as ledger:
        claimed = await ledger.claim(1_000, OWNER, 60.0, max_attempts=5)
        taken = time.perf_counter() - began
        for elsewhere in ((), ("one",)):
            await ledger.occupied_slots(
                limit=RateLimit(10), quarantine=120.0, now=time.time(),
                elsewhere=elsewhere,
            )
        await ledger.counts()
        await ledger.release(OWNER)
    print(json.dumps({
        "claimed": len(claimed), "first": claimed[0].number,
        "seconds": taken, "all": time.perf_counter() - began,
        "peak": memory("VmHWM:"),
    }))
"""

IMPORT = """
async def main():
    marks = []
    def contacts():
        for line in range(1, 1_000_001):
            if line % 200_000 == 0:
                marks.append(memory("VmRSS:"))
            number = f"048{line:08d}"
            yield ContactRow(line=line, id=f"C{line}", destination=number)
    began = time.perf_counter()
    async with SQLiteLedger(Path(sys.argv[1])) as ledger, client() as one:
        imported = await Campaign(ledger, one, call=CALL).add(contacts())
    with SQLiteLedgerReader(Path(sys.argv[1])) as reader:
        shown = sum(1 for _ in reader.entries())
    print(json.dumps({
        "new": imported.new, "shown": shown, "marks": marks,
        "seconds": time.perf_counter() - began, "peak": memory("VmHWM:"),
    }))
"""


def figures_of(program: str, path: Path) -> dict[str, Any]:
    """Run a program in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"{COMMON}{program}\nasyncio.run(main())", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    print(figures)  # noqa: T201 - seen with -s
    return figures


def fill(connection: sqlite3.Connection, pending: int) -> None:
    """Put a million contacts in, all but the last ``pending`` accepted."""
    connection.executescript(
        f"""
        BEGIN;
        CREATE TEMP TABLE number AS
          WITH RECURSIVE n (i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {MILLION})
          SELECT i FROM n;
        INSERT INTO contact (number, hash, line, state, attempts, pabx, call_id,
                             sent_at, settled_at)
        SELECT i, randomblob(16), i + 1, 4, 1, 'one', '08/07/24 10:46:19 ' || i,
               1.7e9 + i, 1.7e9 + i + 1 FROM number;
        INSERT INTO person (number, id, destination, fields)
        SELECT i, 'C' || i, printf('048%08d', i), '{{"user_data": "Fulano de Tal"}}'
          FROM number;
        INSERT INTO event (contact, step, at, pabx)
        SELECT i, 3, 1.7e9 + i, 'one' FROM number;
        INSERT INTO event (contact, step, at, pabx, call_id)
        SELECT i, 4, 1.7e9 + i + 1, 'one', '08/07/24 10:46:19 ' || i FROM number;
        UPDATE contact SET state = 1, attempts = 0, call_id = NULL
         WHERE number > {MILLION - pending};
        COMMIT;
        """
    )


def test_resume(tmp_path: Path) -> None:
    """A million contacts are resumed within 10 s and 200 MiB."""
    path = tmp_path / "ledger.db"
    with contextlib.closing(connect(path, "OFF", 5.0)) as connection:
        migrate(connection)
        fill(connection, pending=1_000)
    figures = figures_of(RESUME, path)

    assert (figures["claimed"], figures["first"]) == (1_000, MILLION - 999)
    assert figures["seconds"] < 10
    assert figures["all"] < 20
    assert figures["peak"] < 200 * MIB


def test_import(tmp_path: Path) -> None:
    """Memory does not grow with the contacts that are put in."""
    figures = figures_of(IMPORT, tmp_path / "ledger.db")

    assert figures["new"] == figures["shown"] == MILLION
    assert figures["marks"][-1] - figures["marks"][0] < 40 * MIB
    assert figures["peak"] < 200 * MIB
