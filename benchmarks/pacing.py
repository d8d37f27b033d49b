"""How evenly does a cap let calls go? Judged by what the server saw, and when.

``python -m benchmarks.pacing`` dials at each rate for some seconds against a server
that answers after 5 ms. Run with a job as its argument it is the process that dials.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from bisect import bisect_left
from pathlib import Path
from typing import Any

import attrs

from benchmarks.machine import choose_cores, pin
from benchmarks.own import make_call, make_pabx
from benchmarks.processes import run_module, serving
from benchmarks.report import align
from benchmarks.work import WrongRunError, hand_in, read_job
from digitro_async import DigitroClient, RateLimit, tune_process

RATES = (10, 200, 2000)
DELAY = 0.005
"""Seconds from a whole request to its answer."""
WINDOWS = (1.0, 0.1)
"""Seconds of the windows in which the most calls are counted."""


@attrs.frozen(kw_only=True)
class PacingJob:
    """A list to dial at a cap.

    Attributes:
        port: Port of the server on 127.0.0.1.
        rate: The cap, in calls a second.
        calls: Calls to make.
        core: Core to run on, None for any.
    """

    port: int
    rate: int
    calls: int
    core: int | None = None


@attrs.frozen(kw_only=True)
class Pacing:
    """What a server saw of calls under a cap.

    Attributes:
        rate: The cap, in calls a second.
        used: Share of the cap that was used, from the first call to the last.
        late_p99_ms: Milliseconds after its turn, for 99 of 100 calls at most; turns
            are even, at the rate that was reached.
        most: Most calls in any window, by its seconds.
    """

    rate: int
    used: float
    late_p99_ms: float
    most: dict[float, int]


def judge(times: list[float], rate: int) -> Pacing:
    """Return how evenly calls came.

    Args:
        times: When each came, in seconds, in order.
        rate: The cap, in calls a second.
    """
    gaps = len(times) - 1
    spacing = (times[-1] - times[0]) / gaps
    late = [time - times[0] - spacing * turn for turn, time in enumerate(times)]
    first = min(late)  # the punctual ones come at 0
    ordered = sorted(one - first for one in late)
    return Pacing(
        rate=rate,
        used=1 / (spacing * rate),
        late_p99_ms=1000 * ordered[int(0.99 * gaps)],
        most={
            window: max(
                bisect_left(times, time + window) - turn
                for turn, time in enumerate(times)
            )
            for window in WINDOWS
        },
    )


async def dial(job: PacingJob) -> int:
    """Dial the list and return how many calls were accepted."""
    pabx = make_pabx(f"http://127.0.0.1:{job.port}", 100)
    pabx = attrs.evolve(pabx, rate=RateLimit(job.rate))
    accepted = 0
    async with DigitroClient(pabx) as client:
        calls = (make_call(number) for number in range(job.calls))
        async with client.dispatch(calls) as results:
            async for result in results:
                accepted += result.call_id is not None
    return accepted


def run(rate: int, seconds: float) -> Pacing:
    """Dial at a rate and return what the server saw.

    Raises:
        WrongRunError: If a call was not accepted or not seen.
    """
    client_core, server_core, _ = choose_cores()
    calls = round(rate * seconds)
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder, "times.json")
        with serving(DELAY, server_core, times=seen) as port:
            job = PacingJob(port=port, rate=rate, calls=calls, core=client_core)
            accepted = run_module("pacing", job)["accepted"]
        times = json.loads(seen.read_text(encoding="ascii"))
    if not accepted == len(times) == calls:
        raise WrongRunError(f"{calls} calls, {accepted} accepted, {len(times)} seen")
    return judge(times, rate)


def table(found: list[Pacing]) -> str:
    """Return the figures as text."""
    rows: list[Any] = [("cap", "used", "late p99 ms", "most in 1 s", "most in 0.1 s")]
    rows += [
        (
            f"{one.rate}/s",
            f"{one.used:.1%}",
            f"{one.late_p99_ms:.2f}",
            *(str(one.most[window]) for window in WINDOWS),
        )
        for one in found
    ]
    return align(rows, left=1)


def main() -> None:
    """Dial a job, or print the table of all rates."""
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        job = read_job(PacingJob)
        pin(job.core)
        tune_process()
        hand_in({"accepted": asyncio.run(dial(job))})
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacing")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    print(table([run(rate, options.seconds) for rate in RATES]))


if __name__ == "__main__":
    main()
