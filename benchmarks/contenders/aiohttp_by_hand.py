"""Plain aiohttp with every public option set by hand for speed.

What stays is what a dialler can't do without: a total time limit and a checked answer.
``with_hooks`` adds the two trace hooks that tell whether a request left.
"""

import asyncio
import time
from types import SimpleNamespace

import aiohttp
from yarl import URL

from benchmarks.contenders.json_codec import dumps, loads
from benchmarks.harness.schedule import make_schedule
from benchmarks.harness.work import API_KEY, PATH, Job, RunCounts, Stopwatch, make_body


async def plain(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Let a fixed set of workers share the calls."""
    await _dial(job, watch, tally, [])


async def with_hooks(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Do the same, and note for each call whether its head and body were sent."""
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_head_sent)
    trace.on_request_chunk_sent.append(_body_sent)
    await _dial(job, watch, tally, [trace])


async def _head_sent(_: object, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.head = True


async def _body_sent(_: object, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.body = True


async def _dial(
    job: Job, watch: Stopwatch, tally: RunCounts, traces: list[aiohttp.TraceConfig]
) -> None:
    url = URL(job.base_url + PATH, encoded=True)
    numbers = iter(range(job.calls))
    async with aiohttp.ClientSession(
        headers={
            "x-api-key": API_KEY,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "by-hand",
        },
        connector=aiohttp.TCPConnector(limit=0, ssl=job.tls() or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=30),
        auto_decompress=False,
        trace_configs=traces,
    ) as session:
        with watch:
            schedule = make_schedule(job)

            async def work() -> None:
                for number in numbers:
                    due = await schedule.until(number) if schedule else None
                    begun = due or time.perf_counter()
                    seen = SimpleNamespace(head=False, body=False) if traces else None
                    response = await session.post(
                        url,
                        data=dumps(make_body(number)),
                        allow_redirects=False,
                        trace_request_ctx=seen,
                    )
                    answer = loads(await response.content.read())
                    tally.add(answer.get("ID_CHAMADA"), time.perf_counter() - begun)

            await asyncio.gather(*(work() for _ in range(job.in_flight)))
