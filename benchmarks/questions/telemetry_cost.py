"""The cost of telemetry: CPU of a call while somebody watches, beside a call alone.

``python -m benchmarks.questions.telemetry_cost`` makes the same calls in a process for
each way of watching, one after another, round after round, and subtracts the CPU of a
call that nobody watches in the same round.
"""

import argparse
import statistics

import attrs

from benchmarks.harness.machine import choose_cores, describe, headline
from benchmarks.harness.processes import run_module, serving
from benchmarks.harness.selection import choose
from benchmarks.harness.work import Job
from benchmarks.reporting.tables import align

IN_FLIGHT = 100
ALONE = "digitro"

WATCHED = (
    "digitro+prometheus",
    "digitro+observer",
    "digitro+log",
    "digitro+otel-api",
    "digitro+otel",
    "digitro+otel+unsampled",
    "digitro+otel+sampled",
    "digitro+otel+spans",
)
"""The contenders that are watched, each in another way."""


@attrs.frozen
class Cost:
    """What one way of watching costs.

    Attributes:
        added: Microseconds of CPU that a call takes more; the median of the rounds.
        lowest: The least of a round.
        highest: The most of a round.
        ratio: CPU of a call by that of one that nobody watches, the median.
    """

    added: float
    lowest: float
    highest: float
    ratio: float


def cost_of(name: str, rounds: list[dict[str, float]]) -> Cost:
    """Return the cost of a contender.

    Args:
        name: The contender.
        rounds: In each the CPU of a call in us, by contender.
    """
    added = [one[name] - one[ALONE] for one in rounds]
    ratios = [one[name] / one[ALONE] for one in rounds]
    return Cost(
        statistics.median(added), min(added), max(added), statistics.median(ratios)
    )


def table(rounds: list[dict[str, float]]) -> str:
    """Return the table of costs."""
    rows = [("contender", "us a call", "added", "lowest-highest", "ratio")]
    for name in rounds[0]:
        cost = cost_of(name, rounds)
        median = statistics.median(one[name] for one in rounds)
        rows.append(
            (
                name,
                f"{median:.1f}",
                f"{cost.added:+.1f}",
                f"{cost.lowest:+.1f} - {cost.highest:+.1f}",
                f"{cost.ratio:.3f}",
            )
        )
    return align(rows)


def measure(names: list[str], calls: int, number: int) -> list[dict[str, float]]:
    """Return the CPU of a call in us, by contender, for each round.

    Args:
        names: The contenders.
        calls: Calls of each in a round.
        number: Rounds.
    """
    core, server_core, _ = choose_cores()
    rounds: list[dict[str, float]] = []
    with serving(0.0, server_core) as port:
        for _ in range(number):
            found: dict[str, float] = {}
            for name in names:
                job = Job(
                    contender=name,
                    port=port,
                    calls=calls,
                    in_flight=IN_FLIGHT,
                    core=core,
                )
                found[name] = run_module("harness.contender_process", job)["cpu_us"]
            rounds.append(found)
    return rounds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.questions.telemetry_cost", description=__doc__
    )
    parser.add_argument("contenders", nargs="*", default=WATCHED, metavar="CONTENDER")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(headline(describe()))
    chosen, notes = choose([ALONE, *options.contenders])
    print(*notes, sep="\n", end="\n" if notes else "")
    names = [one.name for one in chosen]
    print(table(measure(names, options.calls, options.rounds)))


if __name__ == "__main__":
    main()
