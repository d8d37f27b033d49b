"""Instructions of one call: a figure that repeats within 1 % on a noisy machine.

``python -m benchmarks.questions.instructions`` runs contenders under valgrind's
callgrind, each with two numbers of calls; the difference, by the calls in between, is
the user-space instructions of one call, start and end of the process left out. With
``--layers`` it counts instead the instructions that each layer of this library adds.
"""

import argparse
import compileall
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

import attrs

from benchmarks.harness.contender_table import CONTENDERS
from benchmarks.harness.processes import LONGEST_RUN, ROOT, serving
from benchmarks.harness.work import Job, WrongRunError
from benchmarks.questions.trend import commits_of, trend, trend_table
from benchmarks.reporting.tables import align

CALLS = (400, 1400)
IN_FLIGHT = 50
DEFAULT = ("workers", "aiohttp-by-hand", "aiohttp-by-hand+hooks", "digitro")
LAYERS: dict[str, tuple[str, str]] = {
    "transport alone": ("transport", "transport-public"),
    "+ client, dispatch, codec": (
        "digitro - transport",
        "digitro-public - transport-public",
    ),
    "+ cap": ("digitro-capped - digitro", "digitro-public-capped - digitro-public"),
    "+ ledger": (
        "campaign - campaign-import - digitro",
        "campaign-public - campaign-import - digitro-public",
    ),
    "dispatch, whole": ("digitro", "digitro-public"),
    "durable campaign, whole": (
        "campaign - campaign-import",
        "campaign-public - campaign-import",
    ),
    "codec, in all of these": ("codec", "codec"),
}
"""The instructions of a layer by the default way and by aiohttp's public way, as
differences of contenders. A campaign's import into the ledger is counted by itself and
subtracted."""
_COLLECTED = re.compile(r"Collected : (\d+)")


@attrs.frozen
class Limit:
    """A ratio of two contenders' instructions that must not be exceeded.

    Attributes:
        ours: Name of the contender that is judged.
        other: Name of the one it is set against.
        most: Largest ratio allowed.
    """

    ours: str
    other: str
    most: float


LIMITS = (
    Limit("digitro", "aiohttp-by-hand+hooks", 0.34),
    Limit("digitro", "aiohttp-by-hand", 0.4),
    Limit("digitro-public", "aiohttp-by-hand", 1.3),
)
"""The limits that CI checks: the whole dispatch against aiohttp used by hand, with the
two trace hooks that evidence would need otherwise, and without any evidence; the same
by the public way."""


def count(contender: str, calls: int) -> int:
    """Return the instructions of a process that makes a number of calls.

    Raises:
        WrongRunError: If it failed.
    """
    with serving(0.0, None) as port:
        job = Job(contender=contender, port=port, calls=calls, in_flight=IN_FLIGHT)
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        client = [sys.executable, "-m", "benchmarks.harness.contender_process"]
        done = subprocess.run(
            [*valgrind, *client, json.dumps(attrs.asdict(job))],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=LONGEST_RUN,
            check=False,
        )
    found = _COLLECTED.search(done.stderr)
    if done.returncode or found is None:
        last = "\n".join(done.stderr.splitlines()[-5:])
        raise WrongRunError(f"{contender} failed:\n{last}")
    return int(found[1])


def per_call(contender: str) -> float:
    """Return the instructions of one call.

    Raises:
        WrongRunError: If a run failed.
    """
    few, many = (count(contender, calls) for calls in CALLS)
    return (many - few) / (CALLS[1] - CALLS[0])


def exceeded_limits(found: dict[str, float]) -> list[str]:
    """Return a line for each limit that is exceeded, of those with both figures."""
    wrong = []
    for limit in LIMITS:
        if limit.ours in found and limit.other in found:
            ratio = found[limit.ours] / found[limit.other]
            if ratio > limit.most:
                wrong.append(
                    f"{limit.ours} / {limit.other} is {ratio:.3f},"
                    f" allowed are {limit.most}"
                )
    return wrong


def layered() -> list[str]:
    """Return the contenders that ``LAYERS`` needs."""
    sums = " - ".join(" - ".join(pair) for pair in LAYERS.values())
    return list(dict.fromkeys(sums.split(" - ")))


def layer_table(found: dict[str, float]) -> str:
    """Return what each layer costs, in thousands of instructions a call."""

    def cell(sums: str) -> str:
        first, *others = (found[name] for name in sums.split(" - "))
        return f"{(first - sum(others)) / 1000:.1f}k"

    rows = [("layer", "default way", "public way")]
    rows += [(name, cell(one), cell(public)) for name, (one, public) in LAYERS.items()]
    return align(rows)


def main() -> int:
    """Print the instructions of each contender.

    Returns:
        0; 1 where a limit is exceeded or there are no figures.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.questions.instructions", description=__doc__
    )
    names = [one.name for one in CONTENDERS]
    parser.add_argument("contenders", nargs="*", default=DEFAULT, metavar="CONTENDER")
    parser.add_argument(
        "--layers", action="store_true", help="count each layer of this library"
    )
    parser.add_argument(
        "--trend",
        type=int,
        metavar="N",
        help="count at the last N commits that changed the package",
    )
    options = parser.parse_args()
    if options.layers:
        options.contenders = layered()
    unknown = set(options.contenders) - set(names)
    if unknown:
        parser.error(f"no such contender; there are: {', '.join(names)}")
    if shutil.which("valgrind") is None:
        print("no figures: valgrind is not installed", file=sys.stderr)
        return 1
    if options.trend:
        return _show_trend(options.trend, options.contenders)
    for folder in ("digitro_async", "benchmarks"):
        # Else the first of two runs would compile what the second finds compiled.
        compileall.compile_dir(ROOT / folder, quiet=2)
    found: dict[str, float] = {}
    try:
        for name in options.contenders:
            found[name] = per_call(name)
            share = found[name] / found[options.contenders[0]]
            print(
                f"{name:30} {found[name] / 1000:8.1f}k a call {share:7.3f}", flush=True
            )
    except WrongRunError as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    if options.layers:
        print(f"\n{layer_table(found)}")
    wrong = exceeded_limits(found)
    for line in wrong:
        print(f"TOO MANY: {line}")
    return 1 if wrong else 0


def _show_trend(number: int, contenders: Sequence[str]) -> int:
    """Print the instructions of contenders at the last commits."""
    try:
        commits = commits_of(number)
        counts = trend(commits, contenders)
    except WrongRunError as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    print(f"\n{trend_table(commits, contenders, counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
