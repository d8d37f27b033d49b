"""The start of calls: each as soon as there is room, or when it is due.

Who counts from when a call *was sent* leaves out how long it had to wait for a client
that was behind: coordinated omission. So where calls are due at fixed times, their
latency counts from there, whatever the client was doing then.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine

from benchmarks.harness.work import Job


class Schedule:
    """Fixed times, evenly apart, beginning now.

    Args:
        rate: Calls that are due a second.
    """

    __slots__ = ("_begin", "_gap")

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._begin = time.perf_counter()

    def due(self, number: int) -> float:
        """Return when the ``number``-th call is due, by ``time.perf_counter``."""
        return self._begin + number * self._gap

    async def until(self, number: int) -> float:
        """Wait until the ``number``-th call is due, not at all if it is overdue.

        Returns:
            When it was due, by ``time.perf_counter``.
        """
        due = self.due(number)
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        return due


def make_schedule(job: Job) -> Schedule | None:
    """Return the schedule of a job, None where all calls may begin at once."""
    return None if job.rate is None else Schedule(job.rate)


async def task_each(
    job: Job, one: Callable[[int, float | None], Coroutine[None, None, None]]
) -> None:
    """Make a task for every call: all at once, or each when it is due.

    Args:
        job: Number of calls, and their rate.
        one: Makes a call, given its number and when it was due, None for no schedule.
    """
    schedule = make_schedule(job)
    if schedule is None:
        await asyncio.gather(*(one(number, None) for number in range(job.calls)))
        return
    async with asyncio.TaskGroup() as tasks:
        for number in range(job.calls):
            tasks.create_task(one(number, await schedule.until(number)))
