"""Other HTTP clients, in the same loop; each is imported only by who runs it."""

import asyncio
import importlib
import time
from typing import Any

from benchmarks.harness.schedule import make_schedule, task_each
from benchmarks.harness.work import API_KEY, PATH, Job, RunCounts, Stopwatch, make_body


async def httpx_gather(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Make a task for every call over ``httpx.AsyncClient``; a semaphore bounds them.

    All defaults but the time limit, which would end calls that wait for a connection.
    Keeping more connections alive than the default 20 was tried: it is twice as slow.
    """
    httpx: Any = importlib.import_module("httpx")
    url = job.base_url + PATH
    gate = asyncio.Semaphore(job.in_flight)

    async with httpx.AsyncClient(
        headers={"x-api-key": API_KEY},
        timeout=120,
        trust_env=False,
        verify=job.tls() or True,
    ) as client:

        async def one(number: int, due: float | None) -> None:
            async with gate:
                begun = due or time.perf_counter()
                answer = (await client.post(url, json=make_body(number))).json()
                tally.add(answer.get("ID_CHAMADA"), time.perf_counter() - begun)

        with watch:
            await task_each(job, one)


async def aiosonic_gather(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Make a task for every call over ``aiosonic.HTTPClient``; a semaphore bounds them.

    Its pool gets as many connections as calls in flight; the default is 25.
    """
    aiosonic: Any = importlib.import_module("aiosonic")
    pools: Any = importlib.import_module("aiosonic.pools")
    url = job.base_url + PATH
    gate = asyncio.Semaphore(job.in_flight)
    tls = job.tls()
    config = {":default": pools.PoolConfig(size=job.in_flight)}

    async with aiosonic.HTTPClient(aiosonic.TCPConnector(config)) as client:

        async def one(number: int, due: float | None) -> None:
            async with gate:
                begun = due or time.perf_counter()
                response = await client.post(
                    url, json=make_body(number), headers={"x-api-key": API_KEY}, ssl=tls
                )
                answer = await response.json()
                tally.add(answer.get("ID_CHAMADA"), time.perf_counter() - begun)

        with watch:
            await task_each(job, one)


async def pyreqwest_gather(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Make a task for every call over pyreqwest's client; a semaphore bounds them.

    All defaults. It is written in Rust and keeps a thread, whose CPU counts.
    """
    url = job.base_url + PATH
    gate = asyncio.Semaphore(job.in_flight)

    async with _pyreqwest_client(job) as client:

        async def one(number: int, due: float | None) -> None:
            async with gate:
                begun = due or time.perf_counter()
                request = client.post(url).body_json(make_body(number)).build()
                answer = await (await request.send()).json()
                tally.add(answer.get("ID_CHAMADA"), time.perf_counter() - begun)

        with watch:
            await task_each(job, one)


async def pyreqwest_workers(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Let a fixed set of workers share the calls: pyreqwest's best form here."""
    url = job.base_url + PATH
    numbers = iter(range(job.calls))

    async with _pyreqwest_client(job) as client:
        with watch:
            schedule = make_schedule(job)

            async def work() -> None:
                for number in numbers:
                    due = await schedule.until(number) if schedule else None
                    begun = due or time.perf_counter()
                    request = client.post(url).body_json(make_body(number)).build()
                    answer = await (await request.send()).json()
                    tally.add(answer.get("ID_CHAMADA"), time.perf_counter() - begun)

            await asyncio.gather(*(work() for _ in range(job.in_flight)))


def _pyreqwest_client(job: Job) -> Any:
    """Return pyreqwest's client with the key, and with a job's authority if any."""
    library: Any = importlib.import_module("pyreqwest.client")
    builder = library.ClientBuilder().no_proxy()
    builder = builder.default_headers({"x-api-key": API_KEY})
    if (authority := job.authority()) is not None:
        builder = builder.add_root_certificate_pem(authority)
    return builder.build()
