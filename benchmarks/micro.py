"""What single steps of a call cost, without any network.

Run as a module it measures them; its only argument is a ``MicroJob`` as JSON.
"""

import itertools
import timeit
from collections.abc import Callable
from typing import Any

import attrs

from benchmarks.machine import pin
from benchmarks.own import make_call
from benchmarks.processes import run_module
from benchmarks.report import align
from benchmarks.work import hand_in, read_job
from digitro_async import RateLimit
from digitro_async.dispatch._pacing import Pacer
from digitro_async.protocol import Observation, decode_answer, encode_call, settle

ANSWER = b'{"ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00"}'


@attrs.frozen(kw_only=True)
class MicroJob:
    """How long to measure.

    Attributes:
        loops: Times a step is done in one go.
        best_of: Goes, of which the fastest counts: the least disturbed one.
        core: Core to run on, None for any.
    """

    loops: int
    best_of: int
    core: int | None = None


def paced_start(limit: RateLimit) -> Callable[[], object]:
    """Return a step that asks for a turn, takes it and gives it back.

    Time is counted, not read: every call starts as early as it may.
    """
    pacer = Pacer(limit)
    now = 0.0

    def step() -> None:
        nonlocal now
        now = max(now, pacer.earliest(now))
        pacer.start(now)
        pacer.settle(now)

    return step


def steps() -> dict[str, Callable[[], object]]:
    """Return every step under its name."""
    call = make_call(1)
    answered = Observation(sending=True, status=200, body=ANSWER)
    numbers = itertools.count()
    return {
        "make a PredictiveCall of 13 fields": lambda: make_call(next(numbers)),
        "encode a call": lambda: encode_call(call),
        "decode an answer": lambda: decode_answer(ANSWER),
        "settle an accepted call (decodes too)": lambda: settle(answered),
        "Pacer, 200/s: earliest + start + settle": paced_start(RateLimit(200)),
    }


def run_micro(job: MicroJob) -> dict[str, Any]:
    """Return the microseconds of every step, measured in a new process."""
    print("micro: single steps", flush=True)
    return run_module("micro", job)


def micro_report(record: dict[str, Any]) -> str:
    """Return the steps as a table."""
    rows = [("step", "us")]
    rows += [(name, f"{us:.2f}") for name, us in record["us"].items()]
    return f"micro: best of {record['best_of']}\n\n{align(rows)}"


def main() -> None:
    """Read the job, do it, print the figures."""
    job = read_job(MicroJob)
    pin(job.core)
    best = {
        name: min(timeit.repeat(step, number=job.loops, repeat=job.best_of))
        for name, step in steps().items()
    }
    figures = {name: 1e6 * seconds / job.loops for name, seconds in best.items()}
    hand_in({"us": figures, "loops": job.loops, "best_of": job.best_of})


if __name__ == "__main__":
    main()
