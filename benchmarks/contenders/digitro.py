"""This library, doing the very same calls."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path

import anyio
import attrs

from benchmarks.harness.schedule import Schedule, make_schedule, task_each
from benchmarks.harness.work import (
    API_KEY,
    CHANNEL,
    Job,
    RunCounts,
    Stopwatch,
    WrongRunError,
    destination,
)
from digitro_async import (
    PABX,
    Campaign,
    DigitroClient,
    DispatchItem,
    PredictiveCall,
    RateLimit,
    SessionManager,
    TLSSettings,
    open_ledger,
)
from digitro_async.contacts import ContactRow

MakeSessions = Callable[[], SessionManager]
public_sessions = partial(SessionManager, public=True)

UNREACHABLE = 1_000_000
"""Calls a second that no client gets to."""


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


def make_pabx(
    base_url: str,
    in_flight: int,
    *,
    rate: RateLimit | None = None,
    ca_file: str | None = None,
) -> PABX:
    """Return the server as a PABX, everything that is not given left as it is."""
    return PABX(
        "bench",
        base_url,
        CHANNEL,
        API_KEY,
        rate=rate,
        max_in_flight=in_flight,
        tls=TLSSettings(ca_file=Path(ca_file) if ca_file else None),
    )


def pabx_of(job: Job, rate: RateLimit | None = None) -> PABX:
    """Return the server of a job as a PABX."""
    return make_pabx(job.base_url, job.in_flight, rate=rate, ca_file=job.ca_file)


@contextlib.asynccontextmanager
async def opened(
    job: Job, sessions: MakeSessions, rate: RateLimit | None = None
) -> AsyncIterator[DigitroClient]:
    """Give a client that is ready: what it imports late is not timed for anybody."""
    anyio.get_cancelled_exc_class()  # loads anyio's backend
    async with (
        sessions() as manager,
        DigitroClient(pabx_of(job, rate), sessions=manager) as client,
    ):
        yield client


async def dispatch(
    job: Job,
    watch: Stopwatch,
    tally: RunCounts,
    sessions: MakeSessions = SessionManager,
    rate: RateLimit | None = None,
) -> None:
    """Stream all calls through ``dispatch``, made as they are read."""
    async with opened(job, sessions, rate) as client:
        if job.rate is not None:
            await _dispatch_due(job, watch, tally, client)
            return
        with watch:
            calls = (make_call(number) for number in range(job.calls))
            async with client.dispatch(calls) as results:
                async for result in results:
                    tally.add(result.call_id, result.timings.latency)


async def _dispatch_due(
    job: Job, watch: Stopwatch, tally: RunCounts, client: DigitroClient
) -> None:
    """Give each call when it is due; it lasts until its result is seen."""

    async def due_calls(schedule: Schedule) -> AsyncIterator[DispatchItem]:
        for number in range(job.calls):
            due = await schedule.until(number)
            yield DispatchItem(call=make_call(number), key=due)

    with watch:
        schedule = make_schedule(job)
        assert schedule is not None
        async with client.dispatch(due_calls(schedule)) as results:
            async for result in results:
                assert isinstance(result.key, float)
                tally.add(result.call_id, time.perf_counter() - result.key)


async def dispatch_public(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Do the same by aiohttp's public way."""
    await dispatch(job, watch, tally, public_sessions)


async def dispatch_capped(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Do the same under a cap that is never reached: what pacing itself costs."""
    await dispatch(job, watch, tally, rate=RateLimit(UNREACHABLE))


async def dispatch_capped_public(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Do that by aiohttp's public way."""
    await dispatch(job, watch, tally, public_sessions, RateLimit(UNREACHABLE))


async def one_by_one(
    job: Job,
    watch: Stopwatch,
    tally: RunCounts,
    sessions: MakeSessions = SessionManager,
) -> None:
    """Make a task for every call; each awaits ``make_predictive_call``."""
    gate = asyncio.Semaphore(job.in_flight)

    async with opened(job, sessions) as client:

        async def one(number: int, due: float | None) -> None:
            async with gate:
                begun = due or time.perf_counter()
                accepted = await client.make_predictive_call(make_call(number))
                tally.add(accepted.call_id, time.perf_counter() - begun)

        with watch:
            await task_each(job, one)


async def one_by_one_public(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Do the same by aiohttp's public way."""
    await one_by_one(job, watch, tally, public_sessions)


@contextlib.asynccontextmanager
async def imported_campaign(
    job: Job, sessions: MakeSessions, rate: RateLimit | None = None
) -> AsyncIterator[Campaign]:
    """Give a campaign whose calls stand in a ledger on disk.

    Raises:
        WrongRunError: If the ledger did not take every call.
    """
    fields = {"device": "1125000", "device_password": "4567", "account": "1114000"}
    with tempfile.TemporaryDirectory() as folder:
        async with (
            open_ledger(Path(folder, "bench.db")) as ledger,
            opened(job, sessions, rate) as client,
        ):
            campaign = Campaign(ledger, client, call=fields)
            imported = await campaign.add(
                _make_row(number, fields) for number in range(job.calls)
            )
            if imported.new != job.calls:
                raise WrongRunError(f"{job.calls} calls imported as {imported}")
            yield campaign


def _make_row(number: int, defaults: Mapping[str, str]) -> ContactRow:
    """Return the row of the ``number``-th call, with the fields that differ."""
    whole = ContactRow.from_call(make_call(number), line=number + 2)
    own = {name: text for name, text in whole.fields.items() if name not in defaults}
    return attrs.evolve(whole, fields=own)


async def campaign(
    job: Job,
    watch: Stopwatch,
    tally: RunCounts,
    sessions: MakeSessions = SessionManager,
    rate: RateLimit | None = None,
) -> None:
    """Dial all calls from a ledger on disk; the import is not timed."""
    async with imported_campaign(job, sessions, rate) as campaign:
        with watch:
            async with campaign.run() as results:
                async for result in results:
                    tally.add(result.call_id, result.timings.latency)


async def campaign_capped(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Dial from a ledger under a cap that is never reached."""
    await campaign(job, watch, tally, rate=RateLimit(UNREACHABLE))


async def campaign_public(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Dial from a ledger by aiohttp's public way."""
    await campaign(job, watch, tally, public_sessions)
