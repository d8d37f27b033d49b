"""How evenly does a cap let calls go? Judged by the server's own times.

``python -m benchmarks.questions.pacing`` dials at each rate for some seconds against a
server that answers after 5 ms. Lateness is measured in three ways, because each hides
something:

* *turn*: after the pacer's own turn, at the client: late timers and a busy loop;
* *gap*: of one call after another at the server, beyond the even gap: standing still;
* *line*: after an even line through the whole run at the server, whose zero is the
  most punctual call: bursts and slow drift too.

Run with a job as its argument it is the process that dials.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs

from benchmarks.contenders.digitro import make_call, make_pabx
from benchmarks.harness.machine import choose_cores, describe, headline, pin
from benchmarks.harness.processes import run_module, serving
from benchmarks.harness.work import WrongRunError, hand_in, percentile, read_job
from benchmarks.questions.lateness import Sent, lateness
from benchmarks.reporting.tables import align
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
    """The times of calls under a cap, as a server saw them.

    Attributes:
        rate: The cap, in calls a second.
        used: Share of the cap that was used, from the first call to the last.
        turn_p99_ms: Milliseconds after the pacer's turn that 99 of 100 calls did not
            exceed, at the client.
        gap_p99_ms: The same of the gap to the call before, beyond the even gap at the
            rate that was reached.
        line_p99_ms: The same of the time after an even line at that rate.
        most: Most calls in any window, by its seconds.
    """

    rate: int
    used: float
    turn_p99_ms: float
    gap_p99_ms: float
    line_p99_ms: float
    most: dict[float, int]


def evenness(times: list[float], rate: int, turn_p99_ms: float = 0.0) -> Pacing:
    """Return the evenness of calls at the server.

    Args:
        times: Arrival of each call in seconds, in order.
        rate: The cap, in calls a second.
        turn_p99_ms: Lateness at the client.
    """
    gaps = len(times) - 1
    spacing = (times[-1] - times[0]) / gaps
    late = [time - times[0] - spacing * index for index, time in enumerate(times)]
    first = min(late)  # the punctual ones come at 0
    beyond = [later - sooner - spacing for sooner, later in pairwise(times)]
    return Pacing(
        rate=rate,
        used=1 / (spacing * rate),
        turn_p99_ms=turn_p99_ms,
        gap_p99_ms=1000 * percentile(beyond, 0.99),
        line_p99_ms=1000 * percentile([one - first for one in late], 0.99),
        most={
            window: max(
                bisect_left(times, time + window) - index
                for index, time in enumerate(times)
            )
            for window in WINDOWS
        },
    )


def typical(runs: list[Pacing]) -> Pacing:
    """Return the medians of several runs, and the most calls of all of them."""
    measures = ("used", "turn_p99_ms", "gap_p99_ms", "line_p99_ms")
    medians = {
        measure: statistics.median(getattr(one, measure) for one in runs)
        for measure in measures
    }
    most = {window: max(one.most[window] for one in runs) for window in WINDOWS}
    return Pacing(rate=runs[0].rate, most=most, **medians)


async def dial(job: PacingJob) -> dict[str, Any]:
    """Dial the list; return how many calls were accepted, and how late they went."""
    limit = RateLimit(job.rate)
    pabx = make_pabx(f"http://127.0.0.1:{job.port}", 100, rate=limit)
    async with DigitroClient(pabx) as client:
        calls = (make_call(number) for number in range(job.calls))
        async with client.dispatch(calls) as results:
            accepted = [
                Sent.by(result.timings)
                async for result in results
                if result.call_id is not None
            ]
    late = lateness(accepted, limit)
    return {"accepted": len(accepted), "turn_p99_ms": 1000 * percentile(late, 0.99)}


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
            found = run_module("questions.pacing", job)
        times = json.loads(seen.read_text(encoding="ascii"))
    if not found["accepted"] == len(times) == calls:
        raise WrongRunError(
            f"{calls} calls, {found['accepted']} accepted, {len(times)} seen"
        )
    return evenness(times, rate, found["turn_p99_ms"])


def table(found: list[tuple[str, Pacing]]) -> str:
    """Return the figures as text, each row under its name."""
    head = ("cap", "", "used", "turn", "gap", "line p99 ms", "in 1 s", "in 0.1 s")
    rows: list[Any] = [head]
    rows += [
        (
            f"{one.rate}/s",
            name,
            f"{one.used:.2%}",
            f"{one.turn_p99_ms:.2f}",
            f"{one.gap_p99_ms:.2f}",
            f"{one.line_p99_ms:.2f}",
            *(str(one.most[window]) for window in WINDOWS),
        )
        for name, one in found
    ]
    return align(rows, left=2)


def main() -> None:
    """Dial a job, or print the table of all rates."""
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        job = read_job(PacingJob)
        pin(job.core)
        tune_process()
        hand_in(asyncio.run(dial(job)))
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions.pacing")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", type=int, nargs="+", default=list(RATES))
    options = parser.parse_args()
    print(headline(describe()), end="\n\n", flush=True)
    rows: list[tuple[str, Pacing]] = []
    for rate in options.rates:
        runs = [run(rate, options.seconds) for _ in range(options.rounds)]
        rows.append((f"median of {len(runs)}", typical(runs)))
        rows.append(("quietest", min(runs, key=lambda one: one.turn_p99_ms)))
    print(table(rows))
    above = [one for _, one in rows if one.most[1.0] > one.rate]
    print("MORE THAN THE CAP" if above else "no window held more than the cap")


if __name__ == "__main__":
    main()
