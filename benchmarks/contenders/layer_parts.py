"""Parts of this library by themselves, to tell the cost of each layer."""

import asyncio
import time

from benchmarks.contenders.digitro import (
    MakeSessions,
    imported_campaign,
    make_call,
    pabx_of,
    public_sessions,
)
from benchmarks.harness.work import Job, RunCounts, Stopwatch
from digitro_async import SessionManager
from digitro_async.protocol import (
    COMMANDS,
    Evidence,
    Observation,
    build_request,
    classify,
    encode_call,
)


async def codec(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Make and encode every call, and read an answer to it: no network at all."""
    row = COMMANDS["predictive_call"]
    with watch:
        for number in range(job.calls):
            encode_call(make_call(number))
            answer = b'{"ID_CHAMADA": "08/07/24 10:46:19 %08X/00"}' % number
            seen = Observation(request_started=True, status=200, body=answer)
            accepted = classify(seen, row).accepted
            tally.add(accepted and accepted.call_id, 0.0)


async def transport(
    job: Job,
    watch: Stopwatch,
    tally: RunCounts,
    manager: MakeSessions = SessionManager,
) -> None:
    """Let workers share the calls over the transport alone: bytes out, bytes in."""
    pabx = pabx_of(job)
    request = build_request(make_call(0), pabx.channel_id)
    numbers = iter(range(job.calls))
    async with manager() as sessions:

        async def work() -> None:
            for _ in numbers:
                begun = time.perf_counter()
                seen = await sessions.exchange(pabx, request, Evidence())
                tally.add(seen.body.decode(), time.perf_counter() - begun)

        with watch:
            await asyncio.gather(*(work() for _ in range(job.in_flight)))


async def transport_public(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Do the same by aiohttp's public way."""
    await transport(job, watch, tally, public_sessions)


async def campaign_import(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Put all calls into a ledger and dial none: what ``campaign`` does not time.

    Nothing is answered, so every call that the ledger took counts as an answer.
    """
    with watch:
        async with imported_campaign(job, SessionManager):
            for number in range(job.calls):
                tally.add(f"imported {number}", 0.0)
