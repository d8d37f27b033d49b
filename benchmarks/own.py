"""This library, doing the very same calls."""

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.work import API_KEY, CHANNEL, Job, Stopwatch, Tally, destination
from digitro_async import (
    PABX,
    Campaign,
    DigitroClient,
    LeanSessionManager,
    PredictiveCall,
    SessionManager,
    open_ledger,
)
from digitro_async.contacts import Contact
from digitro_async.protocol import Evidence, encode_call


def make_call(number: int) -> PredictiveCall:
    """Return the ``number``-th call; on the wire it is what ``make_body`` returns."""
    return PredictiveCall(
        device="1125000",
        device_password="4567",
        route="0",
        account="1114000",
        account_password="1234",
        destination=destination(number),
        predictive_mode="0",
        user_data="111222333-44;Fulano",
        caller_id="1112000",
        call_progress_detection="1",
        reanswer_time="10",
        destination_detection="1",
        telemarketing_block="NAO",
    )


def make_pabx(base_url: str, in_flight: int) -> PABX:
    """Return the server as a PABX without a cap, everything else left as it is."""
    return PABX("bench", base_url, CHANNEL, API_KEY, max_in_flight=in_flight)


async def dispatch(
    job: Job,
    watch: Stopwatch,
    tally: Tally,
    sessions: type[SessionManager] = SessionManager,
) -> None:
    """Stream all calls through ``dispatch``, made as they are read."""
    async with (
        sessions() as manager,
        DigitroClient(
            make_pabx(job.base_url, job.in_flight), sessions=manager
        ) as client,
    ):
        with watch:
            calls = (make_call(number) for number in range(job.calls))
            async with client.dispatch(calls) as results:
                async for result in results:
                    tally.add(result.call_id, result.timings.latency)


async def transport(job: Job, watch: Stopwatch, tally: Tally) -> None:
    """Let workers share the calls over the transport alone: bytes out, bytes in."""
    pabx = make_pabx(job.base_url, job.in_flight)
    body = encode_call(make_call(0))
    numbers = iter(range(job.calls))
    async with SessionManager() as sessions:

        async def work() -> None:
            for _ in numbers:
                begun = time.perf_counter()
                seen = await sessions.exchange(pabx, body, Evidence())
                tally.add(seen.body.decode(), time.perf_counter() - begun)

        with watch:
            await asyncio.gather(*(work() for _ in range(job.in_flight)))


async def dispatch_lean(job: Job, watch: Stopwatch, tally: Tally) -> None:
    """Do the same with the lean transport."""
    await dispatch(job, watch, tally, LeanSessionManager)


async def campaign_lean(job: Job, watch: Stopwatch, tally: Tally) -> None:
    """Dial from a ledger with the lean transport."""
    await campaign(job, watch, tally, LeanSessionManager)


async def campaign(
    job: Job,
    watch: Stopwatch,
    tally: Tally,
    sessions: type[SessionManager] = SessionManager,
) -> None:
    """Dial all calls from a ledger on disk; the import is not timed."""
    fields = {"device": "1125000", "device_password": "4567", "account": "1114000"}
    with tempfile.TemporaryDirectory() as folder:
        async with (
            open_ledger(Path(folder, "bench.db")) as ledger,
            sessions() as manager,
            DigitroClient(
                make_pabx(job.base_url, job.in_flight), sessions=manager
            ) as client,
        ):
            campaign = Campaign(ledger, client, call=fields)
            calls = (make_call(number) for number in range(job.calls))
            await campaign.add(
                Contact(line=line, call=call) for line, call in enumerate(calls, 2)
            )
            with watch:
                async with campaign.run() as results:
                    async for result in results:
                        tally.add(result.call_id, result.timings.latency)


async def one_by_one(job: Job, watch: Stopwatch, tally: Tally) -> None:
    """Make a task for every call; each awaits ``make_predictive_call``."""
    gate = asyncio.Semaphore(job.in_flight)

    async with DigitroClient(make_pabx(job.base_url, job.in_flight)) as client:

        async def one(number: int) -> None:
            async with gate:
                begun = time.perf_counter()
                accepted = await client.make_predictive_call(make_call(number))
                tally.add(accepted.call_id, time.perf_counter() - begun)

        with watch:
            await asyncio.gather(*(one(number) for number in range(job.calls)))
