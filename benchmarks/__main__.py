"""Run the benchmarks: ``python -m benchmarks --help`` lists what can be chosen."""

import argparse
import sys
from pathlib import Path
from typing import Any

import attrs

from benchmarks.contenders import wrk
from benchmarks.harness.contender_table import CONTENDERS, Contender
from benchmarks.harness.machine import choose_cores, describe, headline
from benchmarks.harness.rounds import Plan, run_rounds
from benchmarks.harness.scenarios import SCENARIOS, Scenario
from benchmarks.harness.selection import choose, line_up
from benchmarks.harness.work import WrongRunError
from benchmarks.questions.memory import memory_report, run_memory
from benchmarks.questions.micro import MicroJob, micro_report, run_micro
from benchmarks.reporting import results
from benchmarks.reporting.summary import as_record, medians, ratios
from benchmarks.reporting.tables import table
from benchmarks.servers import nginx

PARTS = (*SCENARIOS, "micro", "memory")


def main() -> int:
    """Run what the command line asks for.

    Returns:
        0, or 1 where figures could not be had.
    """
    options = read_options()
    last = {} if options.json else results.read_last(options.file)
    before = results.read(options.compare) if options.compare else last
    contenders, notes = choose(options.only)
    facts = describe()
    facts["programs"] = {"nginx": nginx.version(), "wrk": wrk.version()}
    print(headline(facts), *notes, sep="\n", end="\n\n")
    record: dict[str, Any] = {"machine": facts, "quick": options.quick, "parts": {}}
    try:
        for part in options.scenario:
            found = run_part(part, options, contenders)
            print()
            if found is None:
                continue
            now = {**found, "machine": facts}
            if news := results.compare(part, before, now, asked=bool(options.compare)):
                print(news, end="\n\n")
            record["parts"][part] = now
            # saved after each part, so that a long run that is stopped has its figures
            results.save(record, last, options.file, options.plot)
    except WrongRunError as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    print(f"saved: {options.file} and {options.plot}")
    return 0


def read_options() -> argparse.Namespace:
    """Read the command line; ``--quick`` fills in what was not given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--scenario", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME"
    )
    parser.epilog = f"scenarios: {', '.join(PARTS)}; contenders: " + ", ".join(
        one.name for one in CONTENDERS
    )
    names = [one.name for one in CONTENDERS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="CONTENDER")
    parser.add_argument("--calls", type=_count, help="of a contender in a round")
    parser.add_argument("--rounds", type=_count)
    parser.add_argument(
        "--contacts", type=_count, nargs="+", help="sizes for the memory scenario"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="where to save")
    parser.add_argument("--compare", type=Path, metavar="PATH", help="an earlier file")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="where to draw")
    parser.add_argument("--quick", action="store_true", help="does it run? no figures")
    options = parser.parse_args()
    options.calls = options.calls or (1_000 if options.quick else 20_000)
    options.rounds = options.rounds or (1 if options.quick else 5)
    sizes = [1_000, 2_000] if options.quick else [10_000, 1_000_000]
    options.file = options.json or results.default_path(quick=options.quick)
    options.plot = options.plot or options.file.with_suffix(".svg")
    options.contacts = sorted(options.contacts or sizes)
    return options


def run_part(
    part: str, options: argparse.Namespace, contenders: list[Contender]
) -> dict[str, Any] | None:
    """Run one scenario, print its tables and return its record.

    Returns:
        The record; None where a program that the scenario needs is not installed.

    Raises:
        WrongRunError: If a contender did not do its work, or none was left to run.
    """
    client_core, server_core, _ = choose_cores()
    if part == "memory":
        record = run_memory(options.contacts, client_core, server_core)
        print("\n" + memory_report(record))
        return record
    if part == "micro":
        loops, best_of = (500, 3) if options.quick else (5_000, 20)
        record = run_micro(MicroJob(loops=loops, best_of=best_of, core=client_core))
        print("\n" + micro_report(record))
        return record
    plan = Plan(
        calls=options.calls,
        rounds=options.rounds,
        repeats=0 if options.quick else 2,
        client_core=client_core,
        server_core=server_core,
    )
    asked = options.only is not None
    return run_scenario(SCENARIOS[part], plan, contenders, asked=asked)


def run_scenario(
    scenario: Scenario, plan: Plan, contenders: list[Contender], *, asked: bool
) -> dict[str, Any] | None:
    """Run a scenario with calls over a network; see ``run_part``.

    Args:
        scenario: The scenario.
        plan: Extent of the run.
        contenders: Those that are installed.
        asked: Whether they were asked for by name.
    """
    if scenario.server == "nginx" and (missing := nginx.missing(tls=scenario.tls)):
        print(f"{scenario.name} left out: no {missing} installed")
        return None
    running, notes = line_up(contenders, scenario, asked=asked)
    print(*notes, sep="\n", end="\n" if notes else "")
    if not running:
        raise WrongRunError(f"no contender for {scenario.name}")
    rounds = run_rounds(scenario, plan, running)
    print("\n" + table(scenario, medians(rounds), ratios(rounds)))
    settings = {"scenario": attrs.asdict(scenario), "plan": attrs.asdict(plan)}
    return {**settings, **as_record(rounds)}


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
