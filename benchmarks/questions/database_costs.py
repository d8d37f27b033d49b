"""What do calls cost a database? Its processor's time, its log, its bytes."""

import datetime as dt
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.harness.machine import describe
from benchmarks.questions.postgres_ledger import Calls, put_in
from digitro_async.ledger import PostgresLedger

__all__ = ["measure"]

IN_FLIGHT: Final = (1, 4, 16, 64, 256)

CALLS: Final = 6_000
"""Calls that are measured with each number in flight."""

CLAIMED_AHEAD: Final = 1_000
"""Contacts that may be claimed beyond these and are not called."""

WATCH_SECONDS: Final = 15.0

CONFIG: Final = """
[[pabx]]
name = "nobody"
base_url = "http://127.0.0.1:9"
channel_id = 1
api_key = "key"
rate = { calls = 10 }

[call]
device = "1"
device_password = "password"
"""


async def measure(url: str) -> dict[str, Any]:
    """Measure what calls cost, by more and more in flight."""
    campaign = f"planning {secrets.token_hex(4)}"
    rows = []
    calls = CALLS * len(IN_FLIGHT)
    contacts = calls + CLAIMED_AHEAD * len(IN_FLIGHT)
    with psycopg.connect(url, autocommit=True) as watching:
        async with PostgresLedger(url, campaign) as ledger:
            await put_in(ledger, contacts)
            for one in await ledger.imports():
                await ledger.end_import(one.number, now=time.time())
            for in_flight in IN_FLIGHT:
                watching.execute("CHECKPOINT")
                rows.append(await _measure_one(ledger, watching, in_flight))
        sizes = watching.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relnamespace = 'digitro'::regnamespace AND relkind = 'r'"
            " ORDER BY 2 DESC LIMIT 3"
        ).fetchall()
        connections = _connections(watching, url, campaign)
        (version,) = watching.execute("SHOW server_version").fetchone() or ("",)
    facts = describe()
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": "python -m benchmarks.questions.many_machines --measure URL",
        "machine": f"PostgreSQL {version.split()[0]} and the worker on "
        f"{os.cpu_count()} cores ({facts.get('processor', 'unnamed processor')}), "
        f"load {os.getloadavg()[0]:.0f}: times of the processor, bytes and counts "
        "hold, time on the clock was not taken",
        "in_flight": rows,
        "bytes_a_contact": {
            str(name): size / (calls if name == "event" else contacts)
            for name, size in sizes
        },
        "connections_a_worker": connections,
    }


async def _measure_one(
    ledger: PostgresLedger, watching: psycopg.Connection[Any], in_flight: int
) -> dict[str, float]:
    calls = Calls(ledger, CALLS)
    before = _stand(watching), ledger.statements, _own_seconds()
    await calls.make(in_flight)
    after = _stand(watching), ledger.statements, _own_seconds()
    made = calls.made
    return {
        "in_flight": in_flight,
        "calls": made,
        "statements_a_call": (after[1] - before[1]) / made,
        "server_us_a_call": 1e6 * (after[0][0] - before[0][0]) / made,
        "worker_us_a_call": 1e6 * (after[2] - before[2]) / made,
        "wal_bytes_a_call": (after[0][1] - before[0][1]) / made,
    }


def _connections(watching: psycopg.Connection[Any], url: str, campaign: str) -> int:
    """Return the most connections that a worker has in its first seconds."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "digitro.toml"
        config.write_text(CONFIG)
        command = [sys.executable, "-m", "digitro_async", "worker", "--ledger", url]
        words = [*command, "--campaign", campaign, "--config", str(config)]
        before, most = _clients(watching), 0
        with subprocess.Popen(words) as process:
            until = time.monotonic() + WATCH_SECONDS
            while time.monotonic() < until:
                most = max(most, _clients(watching) - before)
                time.sleep(0.1)
            process.terminate()
    return most


def _clients(watching: psycopg.Connection[Any]) -> int:
    (count,) = watching.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    ).fetchone() or (0,)
    return int(count)


def _stand(watching: psycopg.Connection[Any]) -> tuple[float, int]:
    """Return the seconds that the server's processes took, and where its log ends."""
    rows = watching.execute(
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    ).fetchall()
    (end,) = watching.execute(
        "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
    ).fetchone() or (0,)
    return sum(_seconds_of(pid) for (pid,) in rows), int(end)


def _seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system
