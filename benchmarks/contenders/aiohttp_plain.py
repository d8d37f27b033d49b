"""Plain aiohttp, as most people would write it."""

import asyncio
import time

import aiohttp

from benchmarks.harness.schedule import make_schedule, task_each
from benchmarks.harness.work import API_KEY, PATH, Job, RunCounts, Stopwatch, make_body


async def _post(
    session: aiohttp.ClientSession,
    url: str,
    number: int,
    begun: float,
    tally: RunCounts,
) -> None:
    async with session.post(url, json=make_body(number)) as response:
        answer = await response.json()
    tally.add(answer.get("ID_CHAMADA"), time.perf_counter() - begun)


async def gather(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Make a task for every call; a semaphore bounds them; all defaults.

    aiohttp's own bound of 100 connections stays: it is what a first draft has.
    """
    url = job.base_url + PATH
    gate = asyncio.Semaphore(job.in_flight)

    async with aiohttp.ClientSession(
        headers={"x-api-key": API_KEY},
        connector=aiohttp.TCPConnector(ssl=job.tls() or True),
    ) as session:

        async def one(number: int, due: float | None) -> None:
            async with gate:
                await _post(session, url, number, due or time.perf_counter(), tally)

        with watch:
            await task_each(job, one)


async def workers(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Let a fixed set of workers share the calls: the good plain loop.

    The connector admits as many connections as there are workers, so that in the
    own-merit ratio nothing but the client itself differs. Where calls are due at fixed
    times, each worker takes the next one and waits for its time.
    """
    url = job.base_url + PATH
    numbers = iter(range(job.calls))

    async with aiohttp.ClientSession(
        headers={"x-api-key": API_KEY},
        connector=aiohttp.TCPConnector(limit=job.in_flight, ssl=job.tls() or True),
    ) as session:
        with watch:
            schedule = make_schedule(job)

            async def work() -> None:
                for number in numbers:
                    due = await schedule.until(number) if schedule else None
                    begun = due or time.perf_counter()
                    await _post(session, url, number, begun, tally)

            await asyncio.gather(*(work() for _ in range(job.in_flight)))
