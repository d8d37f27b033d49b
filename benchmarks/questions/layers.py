"""The cost of the promises: CPU of a call for validation, pacing, evidence, ledger.

``python -m benchmarks.questions.layers`` measures, round after round, the transport
alone (bytes out, bytes in) and the same with one layer more each time, up to a durable
campaign under a cap. The difference is the cost of the layers, with the dispatcher that
holds them together: its workers, turns, retries, statistics and results. Beside it
stand the parts by themselves, from ``micro``. A plain aiohttp ``gather`` tells how fast
the machine is.
"""

import argparse
import statistics
from typing import Any

import attrs

from benchmarks.harness.machine import choose_cores, describe, headline
from benchmarks.harness.processes import run_module, serving
from benchmarks.harness.work import Job
from benchmarks.questions.micro import EVIDENCE, PARTS, MicroJob, run_micro
from benchmarks.reporting.tables import align

IN_FLIGHT = 100

WANTED = 45.0
YARDSTICK = 140.0
"""All layers shall cost ``WANTED`` us where a plain gather costs ``YARDSTICK``."""

LAYERS = {
    "gather": "gather",
    "transport": "transport+tuned",
    "+ validation, dispatch": "digitro+tuned",
    "+ pacing": "digitro-capped+tuned",
    "+ ledger": "campaign-capped+tuned",
}
"""Contenders: each is the one before it and something more, but for the first, the
yardstick."""


@attrs.frozen(kw_only=True)
class Cost:
    """The cost of all layers together, in us of CPU a call; medians over rounds.

    Attributes:
        each: CPU of a call with every layer so far, by layer.
        layers: The last less the transport, and the evidence, which is part of that.
        scaled: The same on a machine where a plain gather costs ``YARDSTICK``.
        lowest: The lowest of that in a round.
        highest: The highest of that in a round.
        parts: The parts by themselves, scaled in the same way.
    """

    each: dict[str, float]
    layers: float
    scaled: float
    lowest: float
    highest: float
    parts: float


def add_up(rounds: list[dict[str, float]], steps: dict[str, float]) -> Cost:
    """Return the cost of the layers.

    Args:
        rounds: In each the CPU of a call in us, by layer.
        steps: Cost of single steps in us, by name.
    """
    yardstick, transport, *_, last = LAYERS
    sums = [one[last] - one[transport] + steps[EVIDENCE] for one in rounds]
    scaled = [
        YARDSTICK * cost / one[yardstick]
        for cost, one in zip(sums, rounds, strict=True)
    ]
    gather = statistics.median(one[yardstick] for one in rounds)
    return Cost(
        each={name: statistics.median(one[name] for one in rounds) for name in LAYERS},
        layers=statistics.median(sums),
        scaled=statistics.median(scaled),
        lowest=min(scaled),
        highest=max(scaled),
        parts=YARDSTICK * sum(steps[part] for part in PARTS) / gather,
    )


def report(cost: Cost) -> str:
    """Return the figures as text."""
    rows: list[Any] = [("layer", "CPU us/call", "adds")]
    before = None
    for name, cpu in cost.each.items():
        rows.append(
            (name, f"{cpu:.1f}", "" if before is None else f"{cpu - before:+.1f}")
        )
        before = None if name == next(iter(LAYERS)) else cpu
    spread = f"{cost.lowest:.1f}-{cost.highest:.1f}"
    lines = [
        f"all layers: {cost.layers:.1f} us; where gather costs {YARDSTICK:g} us:",
        f"{cost.scaled:.1f} us ({spread}) with the dispatcher: {_verdict(cost.scaled)}",
        f"{cost.parts:.1f} us the parts by themselves: {_verdict(cost.parts)}",
    ]
    return "\n".join((align(rows), "", *lines))


def _verdict(us: float) -> str:
    return f"{'within' if us <= WANTED else 'MORE THAN'} {WANTED:g} us"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.questions.layers", description=__doc__
    )
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    client_core, server_core, _ = choose_cores()
    print(headline(describe()), flush=True)
    steps = run_micro(MicroJob(loops=2_000, best_of=10, core=client_core))["us"]
    rounds: list[dict[str, float]] = []
    with serving(0.0, server_core) as port:
        for _ in range(options.rounds):
            rounds.append({})
            for layer, contender in LAYERS.items():
                job = Job(
                    contender=contender,
                    port=port,
                    calls=options.calls,
                    in_flight=IN_FLIGHT,
                    core=client_core,
                )
                rounds[-1][layer] = run_module("harness.contender_process", job)[
                    "cpu_us"
                ]
    print("\n" + report(add_up(rounds, steps)))


if __name__ == "__main__":
    main()
