"""What do 100 workers, 10,000 PABX and 10^9 contacts take? A plan from measured costs.

``python -m benchmarks.questions.many_machines`` reads the costs that were measured and
writes what they come to into docs/planning.md. With ``--measure URL`` it measures them
anew first, on a PostgreSQL of this machine that does nothing else.
"""

import argparse
import asyncio
import datetime as dt
import json
import math
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import psycopg

from benchmarks.harness.machine import describe
from benchmarks.questions.postgres_ledger import Calls, put_in
from digitro_async.ledger import PostgresLedger

__all__ = ["Costs", "Fleet", "Server", "plan", "report"]

COSTS: Final = Path(__file__).with_name("many_machines.json")
PAGE: Final = Path(__file__).parents[2] / "docs" / "planning.md"
MARKS: Final = ("<!-- many-machines -->\n", "<!-- /many-machines -->\n")

IN_FLIGHT: Final = (1, 4, 16, 64, 256)
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

_MEASURED: Final = (
    *("calls in flight", "statements a call", "processor a call, server"),
    *("processor a call, worker", "log a call"),
)
_PLANNED: Final = (
    *("workers", "PABX x calls/s", "contacts", "processor", "log", "disk"),
    *("connections", "databases"),
)

CALLS: Final = 6_000
"""Calls that are measured with each number in flight."""

CLAIMED_AHEAD: Final = 1_000
"""Contacts that may be claimed beyond these and are not called."""


@attrs.frozen(kw_only=True)
class Costs:
    """What calls and contacts cost a database.

    Attributes:
        statement: Microseconds of the server's processor that a statement takes.
        call: Microseconds that a call takes beside its share of the statements.
        wal: Bytes of write-ahead log a call.
        contact: Bytes of a contact that was dialled once, with indexes.
        connections: Connections of a worker.
    """

    statement: float
    call: float
    wal: float
    contact: float
    connections: int

    @classmethod
    def of_file(cls, measured: dict[str, Any]) -> "Costs":
        """Return the costs of what was measured."""
        points = [
            (one["statements_a_call"], one["server_us_a_call"])
            for one in measured["in_flight"]
        ]
        statement, call = _line_through(points)
        return cls(
            statement=statement,
            call=call,
            wal=max(one["wal_bytes_a_call"] for one in measured["in_flight"]),
            contact=sum(measured["bytes_a_contact"].values()),
            connections=measured["connections_a_worker"],
        )


@attrs.frozen(kw_only=True)
class Server:
    """What one database server has. Assumed, not measured.

    Attributes:
        cores: Processor cores.
        busy: The share of them that calls may take.
        wal: Bytes of write-ahead log that it writes a second for long.
        disk: Bytes for contacts.
        connections: Connections that it takes.
        commit: Seconds of a commit to the disk.
    """

    cores: int = 16
    busy: float = 0.6
    wal: float = 200e6
    disk: float = 2e12
    connections: int = 500
    commit: float = 0.001


@attrs.frozen(kw_only=True)
class Fleet:
    """What is planned for.

    Attributes:
        workers: Worker processes.
        pabx: PABX.
        rate: Calls a second that each PABX takes.
        contacts: Contacts of all campaigns.
    """

    workers: int
    pabx: int
    rate: float
    contacts: float

    @property
    def calls(self) -> float:
        """Calls a second of all PABX together."""
        return self.pabx * self.rate


@attrs.frozen(kw_only=True)
class Needs:
    """What a fleet takes of servers like one; 1 is all that one has.

    Attributes:
        processor: Of the share of its cores.
        wal: Of what it writes.
        disk: Of its disk.
        connections: Of its connections.
    """

    processor: float
    wal: float
    disk: float
    connections: float

    @property
    def databases(self) -> int:
        """Databases, each on a server of its own."""
        most: float = max(attrs.astuple(self))
        return math.ceil(most)

    @property
    def first(self) -> str:
        """What runs out first."""
        named = attrs.asdict(self)
        return max(named, key=lambda name: float(named[name]))


def plan(fleet: Fleet, costs: Costs, server: Server) -> Needs:
    """Return what a fleet takes.

    A worker sends one statement after another; whatever came up meanwhile is in the
    next one. So it sends at most as many as there are intents and outcomes, and no more
    than fit one after the other into a second.
    """
    each = fleet.calls / fleet.workers
    trip = server.commit + costs.statement / 1e6
    statements = min(2 * each, 1 / trip) * fleet.workers
    processor = (statements * costs.statement + fleet.calls * costs.call) / 1e6
    return Needs(
        processor=processor / (server.cores * server.busy),
        wal=fleet.calls * costs.wal / server.wal,
        disk=fleet.contacts * costs.contact / server.disk,
        connections=fleet.workers * costs.connections / server.connections,
    )


def report(measured: dict[str, Any], server: Server) -> str:
    """Return the part of the page that is made of what was measured."""
    costs = Costs.of_file(measured)
    fleets = [
        Fleet(workers=3, pabx=10, rate=10, contacts=1e6),
        Fleet(workers=10, pabx=100, rate=10, contacts=1e7),
        Fleet(workers=30, pabx=1_000, rate=10, contacts=1e8),
        Fleet(workers=100, pabx=10_000, rate=2, contacts=1e9),
        Fleet(workers=100, pabx=10_000, rate=10, contacts=1e9),
    ]
    lines = [
        f"Measured on {measured['date']} by `{measured['command']}`:",
        f"{measured['machine']}.",
        "",
        f"| {' | '.join(_MEASURED)} |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['in_flight']} | {one['statements_a_call']:.3f} "
        f"| {one['server_us_a_call']:.0f} µs | {one['worker_us_a_call']:.0f} µs "
        f"| {one['wal_bytes_a_call']:,.0f} bytes |"
        for one in measured["in_flight"]
    ]
    lines += ["", *_lines_of_costs(costs, measured), ""]
    lines += [
        f"| {' | '.join(_PLANNED)} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line_of(fleet, plan(fleet, costs, server)) for fleet in fleets]
    lines += ["", "```text", *_chart(costs, server), "```", ""]
    return "\n".join(lines)


def _lines_of_costs(costs: Costs, measured: dict[str, Any]) -> list[str]:
    tables = ", ".join(
        f"`{name}` {size:.0f}" for name, size in measured["bytes_a_contact"].items()
    )
    calls = (
        f"So a statement takes {costs.statement:.0f} µs of the server's processor, and "
        f"a call {costs.call:.0f} µs more (the line through the rows above)."
    )
    contacts = (
        f"A contact that was dialled once takes {costs.contact:,.0f} bytes with its "
        f"indexes ({tables}), and a worker of one campaign {costs.connections} "
        "connections."
    )
    return [calls, contacts]


def _line_of(fleet: Fleet, needs: Needs) -> str:
    shares = (needs.processor, needs.wal, needs.disk, needs.connections)
    cells = [
        f"{fleet.workers}",
        f"{fleet.pabx:,} x {fleet.rate:g}",
        f"{fleet.contacts:,.0f}",
        *(f"{share:.0%}" for share in shares),
        f"{needs.databases} ({needs.first})",
    ]
    return f"| {' | '.join(cells)} |"


def _chart(costs: Costs, server: Server) -> list[str]:
    """Draw the share of one server that calls take, by their rate."""
    lines = ["calls/s of 100 workers    one server's processor (#) and log (-)"]
    for calls in (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000):
        fleet = Fleet(workers=100, pabx=1, rate=calls, contacts=0)
        needs = plan(fleet, costs, server)
        for sign, share in (("#", needs.processor), ("-", needs.wal)):
            bar = sign * min(round(share * 30), 60)
            over = " ..." if share > 2 else ""
            label = f"{calls:>9,}" if sign == "#" else " " * 9
            lines.append(f"{label}  {share:>5.0%}  {bar}{over}".rstrip())
    return lines


def _line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return slope and beginning of the line that fits points best, none below 0."""
    count = len(points)
    middle = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle[0]) ** 2 for x, _ in points)
    slope = sum((x - middle[0]) * (y - middle[1]) for x, y in points) / spread
    return max(slope, 0.0), max(middle[1] - slope * middle[0], 0.0)


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


def write_page(text: str, page: Path = PAGE) -> None:
    """Put the report in its place on the page."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (mark and end):
        raise SystemExit(f"{page.name} has no place for it")
    page.write_text(f"{before}{mark}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Read the command line, measure if asked to, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", metavar="URL")
    given = parser.parse_args()
    if given.measure:
        measured = asyncio.run(measure(given.measure))
        COSTS.write_text(json.dumps(measured, indent=1) + "\n")
    text = report(json.loads(COSTS.read_text()), Server())
    write_page(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
