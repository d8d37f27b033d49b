"""Run contenders in turn, round after round, and repeat what was disturbed."""

from collections.abc import Callable

import attrs

from benchmarks.client import Figures
from benchmarks.contenders import Contender
from benchmarks.processes import run_module, serving
from benchmarks.work import Job

LEAST_CPU_SHARE = 0.85
"""A client that never waits for its server has its core; less is foreign load."""

LEAST_CALLS = 100
"""Fewer would measure the connecting."""


@attrs.frozen
class Scenario:
    """What the server does and how many calls are on the wire.

    Attributes:
        name: Its name.
        in_flight: Most calls on the wire at once.
        delay: Seconds from a whole request to its answer.
        saturated: Whether a client is kept busy all the time, so that idle CPU
            betrays foreign load.
    """

    name: str
    in_flight: int
    delay: float
    saturated: bool


SCENARIOS = {
    "instant": Scenario("instant", in_flight=100, delay=0.0, saturated=True),
    "latency": Scenario("latency", in_flight=1000, delay=0.02, saturated=False),
}


@attrs.frozen(kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        calls: Calls of a contender in a round; slow ones make their share of it.
        rounds: Rounds.
        repeats: How often a disturbed measurement is repeated at most.
        client_core: Core of the clients, None for any.
        server_core: Core of the server, None for any.
    """

    calls: int
    rounds: int
    repeats: int
    client_core: int | None
    server_core: int | None


def run_rounds(
    scenario: Scenario, plan: Plan, contenders: list[Contender]
) -> list[list[Figures]]:
    """Run every contender once a round, in the order given.

    Returns:
        The figures, a list for each round.

    Raises:
        WrongRunError: If a contender did not do its work.
    """
    with serving(scenario.delay, plan.server_core) as port:

        def run(contender: Contender) -> Figures:
            calls = max(LEAST_CALLS, round(plan.calls * contender.calls_share))
            job = Job(
                contender=contender.name,
                port=port,
                calls=calls,
                in_flight=scenario.in_flight,
                core=plan.client_core,
            )
            return Figures(**run_module("client", job))

        rounds: list[list[Figures]] = []
        for number in range(1, plan.rounds + 1):
            rounds.append([])
            for contender in contenders:
                figures = _run_quietly(scenario, plan, contender, run)
                _tell(scenario, number, plan, figures)
                rounds[-1].append(figures)
        return rounds


def _run_quietly(
    scenario: Scenario,
    plan: Plan,
    contender: Contender,
    run: Callable[[Contender], Figures],
) -> Figures:
    """Return the first undisturbed measurement, or else the least disturbed one.

    Chosen by its share of the core and never by its speed.
    """
    best = run(contender)
    repeats = 0
    while _is_noisy(scenario, best) and repeats < plan.repeats:
        repeats += 1
        best = max(best, run(contender), key=lambda figures: figures.cpu_share)
    return attrs.evolve(best, noisy=_is_noisy(scenario, best), repeats=repeats)


def _is_noisy(scenario: Scenario, figures: Figures) -> bool:
    return scenario.saturated and figures.cpu_share < LEAST_CPU_SHARE


def _tell(scenario: Scenario, number: int, plan: Plan, figures: Figures) -> None:
    remark = f"  repeated {figures.repeats}x" if figures.repeats else ""
    remark += "  NOISY" if figures.noisy else ""
    print(
        f"{scenario.name} {number}/{plan.rounds}  {figures.contender:<22}"
        f"{figures.calls_per_second:>8,.0f}/s {figures.cpu_us:>8.1f} us"
        f"  cpu {figures.cpu_share:>4.0%}{remark}",
        flush=True,
    )
