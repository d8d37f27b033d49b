"""The cost of the rules of calling: a block list, and 100,000 numbers asked about.

``python -m benchmarks.questions.rules_cost [NUMBERS]`` makes a block list with so many
numbers (14,000,000), loads it, and asks the gates about 100,000 other numbers.
"""

import datetime as dt
import random
import resource
import sys
import tempfile
import time
import timeit
from pathlib import Path

from digitro_async.config import load_rules
from digitro_async.rules import (
    CallingRules,
    Gates,
    MemoryAttemptHistory,
    PlannedCall,
    dialling_areas,
)

BLOCKED = 14_000_000
ASKED = 100_000
RULES = """
presets = ["telecom-code", "state-laws"]
[[block]]
file = "blocked.txt"
[[spacing]]
name = "two hours"
least = "2h"
"""
OPEN = dt.datetime(2026, 11, 30, 15, 30, tzinfo=dt.UTC).timestamp()
CLOSED = OPEN + 12 * 3600


def numbers(count: int, seed: int) -> list[str]:
    """Return mobile numbers, three in ten of them of São Paulo."""
    chance = random.Random(seed)
    codes = [code for code in dialling_areas() if len(code) == len("11")]
    weights = [30 if code == "11" else 1 for code in codes]
    drawn = chance.choices(codes, weights, k=count)
    return [f"{code}9{chance.randrange(10**8):08d}" for code in drawn]


def write_list(path: Path, count: int) -> None:
    """Write a block list, a part at a time."""
    with path.open("w") as file:
        for seed in range(0, count, ASKED):
            part = numbers(min(ASKED, count - seed), seed + 1)
            file.write("\n".join(part) + "\n")


def seconds_for(rules: CallingRules, gates: Gates, when: float) -> float:
    """Return the CPU seconds of reading and asking about 100,000 numbers, at best."""
    texts = numbers(ASKED, 0)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for place, text in enumerate(texts):
            number = rules.called_number(text)
            gates.next_moment(PlannedCall(contact=place, number=number), when)
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else BLOCKED
    with tempfile.TemporaryDirectory() as folder:
        write_list(Path(folder) / "blocked.txt", count)
        (Path(folder) / "rules.toml").write_text(RULES)
        began = time.process_time()
        rules, [reading] = load_rules(Path(folder) / "rules.toml")
        loaded = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gates = rules.gates(MemoryAttemptHistory())
    print(f"block list of {reading.entries:,}: {loaded:.1f} s of CPU, {peak:.0f} MiB")
    for name, when in (("open", OPEN), ("closed", CLOSED)):
        taken = seconds_for(rules, gates, when)
        print(f"{ASKED:,} numbers asked about, hours {name}: {taken:.2f} s of CPU")
    call = PlannedCall(contact=-1, number=rules.called_number("11987654321"))
    find = rules.block_lists[0].find
    for name, asked in (
        ("all gates", lambda: gates.ask(call, OPEN)),
        ("block list", lambda: find(call.number, OPEN)),
    ):
        times = timeit.repeat(asked, number=5000, repeat=40, timer=time.process_time)
        print(f"{name} asked once more: {min(times) / 5000 * 1e6:.2f} us")


if __name__ == "__main__":
    main()
