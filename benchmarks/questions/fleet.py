"""A thousand PABX at one call a second each, against one at a thousand a second.

``python -m benchmarks.questions.fleet`` dials through fleets of several sizes that make
the same calls in the same time, shows the CPU of a call in each, and the memory of an
idle PABX.
"""

import argparse
import statistics
import sys
from typing import Any

import attrs

from benchmarks.harness.machine import choose_cores, describe, headline
from benchmarks.harness.processes import run_module
from benchmarks.questions.fleet_client import IDLE_SECONDS, RATE, TRANSPORTS, FleetJob
from benchmarks.reporting.tables import align
from benchmarks.servers.fleet_server import serving_fleet

SIZES = (1, 10, 100, 1000)
DELAY = 0.005
"""Seconds from a whole request to its answer."""
FORMS: dict[str, dict[str, bool]] = {
    "named": {},
    "any": {"named": False},
    "named, warm": {"warm": True},
}
"""Ways to dial a fleet: see ``FleetJob``."""
MOST_RATIO = 1.5
"""Largest cost allowed of a call through a fleet, by one through a single PABX."""


@attrs.frozen(kw_only=True)
class Row:
    """The figures of one fleet by the first of its round; medians.

    Attributes:
        label: Name of the fleet.
        cpu_us: CPU of a call in us.
        ratio: That to the first.
        lowest: Lowest ratio of a round.
        highest: Highest ratio of a round.
        used: Share of the cap that was used, from the start to the last answer.
        late_p99_ms: Lateness after the turn that 99 of 100 calls did not exceed.
        warm_ms: Time in which connections were opened ahead.
    """

    label: str
    cpu_us: float
    ratio: float
    lowest: float
    highest: float
    used: float
    late_p99_ms: float
    warm_ms: float


def compare(rounds: list[dict[str, dict[str, float]]]) -> list[Row]:
    """Return the figures of each fleet by those of the first of its round.

    Args:
        rounds: In each the figures of every fleet by its label, a single PABX first.
    """
    first = next(iter(rounds[0]))
    rows = []
    for label in rounds[0]:
        ratios = [one[label]["cpu_us"] / one[first]["cpu_us"] for one in rounds]
        medians = {
            measure: statistics.median(one[label][measure] for one in rounds)
            for measure in ("cpu_us", "used", "late_p99_ms", "warm_ms")
        }
        rows.append(
            Row(
                label=label,
                ratio=statistics.median(ratios),
                lowest=min(ratios),
                highest=max(ratios),
                **medians,
            )
        )
    return rows


def kib_each(
    of_one: dict[str, float], of_all: dict[str, float], size: int
) -> dict[str, float]:
    """Return the KiB that each further PABX takes, by step."""
    return {step: 1024 * (of_all[step] - of_one[step]) / (size - 1) for step in of_one}


def cpu_table(rows: list[Row]) -> str:
    """Return what a call costs in each fleet, as text."""
    cells: list[Any] = [
        (
            *("fleet", "CPU us/call", "ratio", "lowest-highest"),
            *("used", "late p99 ms", "warm ms"),
        )
    ]
    cells += [
        (
            one.label,
            f"{one.cpu_us:.1f}",
            f"{one.ratio:.2f}",
            f"{one.lowest:.2f}-{one.highest:.2f}",
            f"{one.used:.1%}",
            f"{one.late_p99_ms:.1f}",
            f"{one.warm_ms:.0f}",
        )
        for one in rows
    ]
    return align(cells)


def run(options: argparse.Namespace) -> bool:
    """Print all tables; True where the largest fleet costs no more than allowed."""
    client_core, server_core, _ = choose_cores()
    largest = max(options.sizes)
    within = True
    with serving_fleet(largest, DELAY, server_core) as port:

        def measure(
            size: int,
            calls: int,
            transport: str,
            *,
            named: bool = True,
            warm: bool = False,
        ) -> Any:
            job = FleetJob(
                port=port,
                size=size,
                calls=calls,
                named=named,
                transport=transport,
                idle=options.idle,
                warm=warm,
                core=client_core,
            )
            return run_module("questions.fleet_client", job)

        for transport in options.transports:
            rounds: list[dict[str, dict[str, float]]] = []
            for _ in range(options.rounds):
                rounds.append({})
                for size in options.sizes:
                    for form, given in FORMS.items():
                        calls = round(RATE * options.seconds)
                        found = measure(size, calls, transport, **given)
                        rounds[-1][f"{size} PABX, {form}"] = found
            rows = compare(rounds)
            within = within and all(one.ratio <= MOST_RATIO for one in rows)
            print(f"\n{transport} transport\n\n{cpu_table(rows)}", flush=True)
            if largest > 1:
                ones, alls = measure(1, 0, transport), measure(largest, 0, transport)
                for step, kib in kib_each(ones, alls, largest).items():
                    print(f"{step}: {kib:.1f} KiB a PABX", flush=True)
    return within


def main() -> int:
    """Print all tables.

    Returns:
        0; 1 where the largest fleet costs more than allowed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.questions.fleet", description=__doc__
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--idle", type=float, default=IDLE_SECONDS, help="seconds, for memory alone"
    )
    parser.add_argument(
        "--transports", nargs="+", choices=TRANSPORTS, default=list(TRANSPORTS)
    )
    options = parser.parse_args()
    print(headline(describe()))
    if run(options):
        return 0
    print(f"MORE THAN {MOST_RATIO} of a single PABX")
    return 1


if __name__ == "__main__":
    sys.exit(main())
