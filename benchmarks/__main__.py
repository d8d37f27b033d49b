"""Run the benchmarks: ``python -m benchmarks --help`` lists what can be chosen."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import attrs

from benchmarks.contenders import CONTENDERS, Contender, able, choose
from benchmarks.machine import choose_cores, describe, headline
from benchmarks.memory import memory_report, run_memory
from benchmarks.micro import MicroJob, micro_report, run_micro
from benchmarks.report import changes, table
from benchmarks.rounds import SCENARIOS, Plan, run_rounds
from benchmarks.summary import as_record, medians, ratios
from benchmarks.work import WrongRunError

PARTS = (*SCENARIOS, "micro", "memory")


def main() -> int:
    """Run what the command line asks for.

    Returns:
        0, or 1 where figures could not be had.
    """
    options = read_options()
    before = _read_json(options.compare) if options.compare else {}
    contenders, notes = choose(options.only)
    facts = describe()
    print(headline(facts), *notes, sep="\n", end="\n\n")
    record: dict[str, Any] = {"machine": facts, "quick": options.quick, "parts": {}}
    try:
        for part in options.scenario:
            record["parts"][part] = run_part(part, options, contenders)
            print()
            _show_changes(part, before, record["parts"][part])
    except WrongRunError as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    if options.json:
        text = json.dumps(record, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
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
    parser.add_argument("--json", type=Path, metavar="PATH", help="save all rounds")
    parser.add_argument("--compare", type=Path, metavar="PATH", help="an earlier file")
    parser.add_argument("--quick", action="store_true", help="does it run? no figures")
    options = parser.parse_args()
    options.calls = options.calls or (2_000 if options.quick else 20_000)
    options.rounds = options.rounds or (1 if options.quick else 5)
    sizes = [1_000, 2_000] if options.quick else [10_000, 1_000_000]
    options.contacts = sorted(options.contacts or sizes)
    return options


def run_part(
    part: str, options: argparse.Namespace, contenders: list[Contender]
) -> dict[str, Any]:
    """Run one scenario, print its tables and return its record.

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
    scenario = SCENARIOS[part]
    plan = Plan(
        calls=options.calls,
        rounds=options.rounds,
        repeats=0 if options.quick else 2,
        client_core=client_core,
        server_core=server_core,
    )
    able_ones = able(contenders, scenario.in_flight)
    for one in contenders:
        if one not in able_ones:
            print(f"{one.name} left out: not run with {scenario.in_flight:,} in flight")
    if not able_ones:
        raise WrongRunError(f"no contender for {part}")
    rounds = run_rounds(scenario, plan, able_ones)
    print("\n" + table(scenario, medians(rounds), ratios(rounds)))
    settings = {"scenario": attrs.asdict(scenario), "plan": attrs.asdict(plan)}
    return {**settings, **as_record(rounds)}


def _show_changes(part: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    then = before.get("parts", {}).get(part)
    if then is not None and "ratios" in now:
        print(changes(part, then, now), end="\n\n")


def _read_json(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
