"""What do 100 workers, 10,000 PABX and 10^9 contacts take? A plan from measured costs.

``python -m benchmarks.questions.many_machines`` reads the costs that were measured and
writes what they come to into docs/planning.md. With ``--measure URL`` it measures them
anew first, on a PostgreSQL of this machine that does nothing else.
"""

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.questions.database_costs import measure

__all__ = ["Costs", "Fleet", "Server", "plan", "report"]

COSTS: Final = Path(__file__).with_name("many_machines.json")
PAGE: Final = Path(__file__).parents[2] / "docs" / "planning.md"
MARKS: Final = ("<!-- many-machines -->\n", "<!-- /many-machines -->\n")

_MEASURED: Final = (
    *("calls in flight", "statements a call", "processor a call, server"),
    *("processor a call, worker", "log a call"),
)
_PLANNED: Final = (
    *("workers", "PABX x calls/s", "contacts", "processor", "log", "disk"),
    *("connections", "databases"),
)


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
