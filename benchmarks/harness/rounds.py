"""Run contenders in turn, round after round, and repeat what was disturbed."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import attrs

from benchmarks.harness.comparisons import TLS_SUFFIX
from benchmarks.harness.contender_process import Figures
from benchmarks.harness.contender_table import Contender
from benchmarks.harness.processes import run_module, serving
from benchmarks.harness.scenarios import Scenario
from benchmarks.harness.work import Job
from benchmarks.servers.nginx import Address, nginx_serving

LEAST_CPU_SHARE = 0.85
"""A client that never waits for its server has its core; less is foreign load."""

MOST_DELAY_SHARE = 0.05
"""A client that waits for its server may rest, but not wait for its core longer."""

LEAST_CALLS = 100
"""Fewer would measure the connecting."""

LONGEST_SCHEDULE = 3
"""Seconds for which calls are due at most, where they are."""


@attrs.frozen(kw_only=True)
class Plan:
    """The extent of a run.

    Attributes:
        calls: Calls of a contender in a round; slow ones make their share of it.
        rounds: Rounds.
        repeats: Times that a disturbed measurement is repeated at most.
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
    with _serving(scenario, plan) as address:

        def run(contender: Contender, *, tls: bool) -> Figures:
            job = make_job(scenario, plan, contender, address, tls=tls)
            figures = Figures(**run_module(contender.process, job))
            name = contender.name + (TLS_SUFFIX if tls else "")
            return attrs.evolve(figures, contender=name)

        rounds: list[list[Figures]] = []
        for number in range(1, plan.rounds + 1):
            rounds.append([])
            for contender in contenders:
                for tls in (False, True) if scenario.tls else (False,):
                    again = functools.partial(run, contender, tls=tls)
                    figures = _run_quietly(scenario, plan, contender, again)
                    _tell(scenario, number, plan, figures)
                    rounds[-1].append(figures)
        return rounds


def make_job(
    scenario: Scenario,
    plan: Plan,
    contender: Contender,
    address: Address,
    *,
    tls: bool,
) -> Job:
    """Return what a contender has to do in a round."""
    calls = round(plan.calls * contender.calls_share)
    if scenario.rate:  # the same schedule for all
        calls = min(plan.calls, scenario.rate * LONGEST_SCHEDULE)
    port = address.tls_port if tls else address.port
    assert port is not None
    return Job(
        contender=contender.name,
        port=port,
        calls=max(LEAST_CALLS, calls),
        in_flight=scenario.in_flight,
        core=plan.client_core,
        rate=scenario.rate,
        ca_file=address.ca_file if tls else None,
    )


@contextlib.contextmanager
def _serving(scenario: Scenario, plan: Plan) -> Iterator[Address]:
    if scenario.server == "nginx":
        with nginx_serving(plan.server_core, tls=scenario.tls) as address:
            yield address
    else:
        with serving(scenario.delay, plan.server_core) as port:
            yield Address(port=port)


def _run_quietly(
    scenario: Scenario,
    plan: Plan,
    contender: Contender,
    run: Callable[[], Figures],
) -> Figures:
    """Return the first undisturbed measurement, or else the least disturbed one.

    Chosen by its share of the core, or by how long it had to wait for that, and never
    by its speed.
    """
    noisy = functools.partial(_is_noisy, scenario, contender)
    best = run()
    repeats = 0
    while noisy(best) and repeats < plan.repeats:
        repeats += 1
        best = min(best, run(), key=functools.partial(_disturbance, scenario))
    return attrs.evolve(best, noisy=noisy(best), repeats=repeats)


def _is_noisy(scenario: Scenario, contender: Contender, figures: Figures) -> bool:
    if contender.limit:
        return False
    if scenario.saturated:
        return figures.cpu_share < LEAST_CPU_SHARE
    return figures.delay_share > MOST_DELAY_SHARE and not contender.threads


def _disturbance(scenario: Scenario, figures: Figures) -> float:
    return 1 - figures.cpu_share if scenario.saturated else figures.delay_share


def _tell(scenario: Scenario, number: int, plan: Plan, figures: Figures) -> None:
    remark = f"  repeated {figures.repeats}x" if figures.repeats else ""
    remark += "  NOISY" if figures.noisy else ""
    print(
        f"{scenario.name} {number}/{plan.rounds}  {figures.contender:<28}"
        f"{figures.calls_per_second:>8,.0f}/s {figures.cpu_us:>8.1f} us"
        f"  cpu {figures.cpu_share:>4.0%}{remark}",
        flush=True,
    )
