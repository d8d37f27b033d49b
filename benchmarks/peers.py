"""Other HTTP clients, in the same loop."""

import asyncio
import time

import httpx

from benchmarks.work import API_KEY, PATH, Job, Stopwatch, Tally, make_body


async def httpx_gather(job: Job, watch: Stopwatch, tally: Tally) -> None:
    """Make a task for every call over ``httpx.AsyncClient``; a semaphore bounds them.

    All defaults but the time limit, which would end calls that wait for a connection.
    Keeping more connections alive than the default 20 was tried: it is twice as slow.
    """
    url = job.base_url + PATH
    gate = asyncio.Semaphore(job.in_flight)

    async with httpx.AsyncClient(
        headers={"x-api-key": API_KEY}, timeout=120, trust_env=False
    ) as client:

        async def one(number: int) -> None:
            async with gate:
                begun = time.perf_counter()
                answer = (await client.post(url, json=make_body(number))).json()
                tally.add(answer.get("ID_CHAMADA"), time.perf_counter() - begun)

        with watch:
            await asyncio.gather(*(one(number) for number in range(job.calls)))
