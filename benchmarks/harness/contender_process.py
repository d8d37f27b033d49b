"""The process of one contender: set it up, let it run, check it, hand in its figures.

Its only argument is a ``Job`` as JSON; it prints its ``Figures`` as JSON.
"""

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable

import attrs

from benchmarks.harness.contender_table import Contender, find
from benchmarks.harness.machine import pin
from benchmarks.harness.work import (
    Job,
    RunCounts,
    Stopwatch,
    hand_in,
    peak_mib,
    read_job,
)

Run = Callable[[Job, Stopwatch, RunCounts], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Figures:
    """The figures of one contender in one round.

    Attributes:
        contender: Its name.
        calls: Calls made, each with a checked answer.
        seconds: Wall clock of the calls, set-up left out, connecting included.
        calls_per_second: Calls by that.
        cpu_us: Microseconds of this process's CPU a call, kernel included.
        cpu_share: Its CPU seconds by the wall clock.
        delay_share: Share of the time in which it could have run and had no core.
        p50_ms: Median latency of a call, from its start behind the semaphore, or
            from when it was due.
        p99_ms: Latency that 99 of 100 calls did not exceed.
        p999_ms: Latency that 999 of 1,000 calls did not exceed.
        peak_mib: Most memory (RSS) of the process, imports included.
        noisy: Whether it had too little of its core; the runner says so.
        repeats: Times that the runner repeated it because of that.
    """

    contender: str
    calls: int
    seconds: float
    calls_per_second: float
    cpu_us: float
    cpu_share: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    peak_mib: float
    delay_share: float = 0.0
    noisy: bool = False
    repeats: int = 0


def load(contender: Contender) -> Run:
    """Return the code of a contender; nothing but what it needs is imported."""
    module, function = contender.code.split(":")
    run: Run = getattr(
        importlib.import_module(f"benchmarks.contenders.{module}"), function
    )
    return run


def make_loop(contender: Contender) -> asyncio.AbstractEventLoop:
    """Return the event loop that the contender runs on."""
    if contender.uvloop:
        loop: asyncio.AbstractEventLoop = importlib.import_module(
            "uvloop"
        ).new_event_loop()
        return loop
    return asyncio.new_event_loop()


async def _run(run: Run, job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    await run(job, watch, tally)


def measure(job: Job) -> Figures:
    """Make the calls of a job and return the figures.

    Raises:
        WrongRunError: If a call has no answer, or the answer of another.
    """
    contender = find(job.contender)
    run = load(contender)
    watch, tally = Stopwatch(), RunCounts()
    if contender.tuned:
        importlib.import_module("digitro_async").tune_process()
    with asyncio.Runner(loop_factory=lambda: make_loop(contender)) as runner:
        runner.run(_run(run, job, watch, tally))
    tally.check(job.calls)
    return Figures(
        contender=job.contender,
        calls=job.calls,
        seconds=watch.wall,
        calls_per_second=job.calls / watch.wall,
        cpu_us=1e6 * watch.cpu / job.calls,
        cpu_share=watch.cpu / watch.wall,
        p50_ms=tally.latency_ms(0.50),
        p99_ms=tally.latency_ms(0.99),
        p999_ms=tally.latency_ms(0.999),
        peak_mib=peak_mib(),
        delay_share=watch.delay / watch.wall,
    )


def main() -> None:
    """Read the job, do it, print the figures."""
    job = read_job(Job)
    pin(job.core)
    hand_in(attrs.asdict(measure(job)))
    if find(job.contender).hard_exit:
        os._exit(0)


if __name__ == "__main__":
    main()
