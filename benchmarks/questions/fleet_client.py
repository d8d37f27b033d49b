"""The process that dials through a fleet of PABX: its only argument is a job."""

import asyncio
import gc
import time

import attrs

from benchmarks.contenders.digitro import (
    MakeSessions,
    make_call,
    make_pabx,
    public_sessions,
)
from benchmarks.harness.machine import pin
from benchmarks.harness.work import (
    Stopwatch,
    WrongRunError,
    current_mib,
    hand_in,
    percentile,
    read_job,
)
from benchmarks.questions.lateness import Sent, lateness
from benchmarks.servers.fleet_server import address
from digitro_async import (
    PABX,
    DigitroClient,
    DispatchItem,
    PoolSettings,
    RateLimit,
    SessionManager,
    tune_process,
)

RATE = 1000
"""Calls a second, shared by the PABX of a fleet."""
IN_FLIGHT = 200

TRANSPORTS: dict[str, MakeSessions] = {
    "default": SessionManager,
    "public": public_sessions,
}
IDLE_SECONDS = 2.0
"""After which an unused connection is dropped, where memory is looked at."""


@attrs.frozen(kw_only=True)
class FleetJob:
    """One fleet in its own process.

    Attributes:
        port: Port of the server on every address.
        size: Number of PABX.
        calls: Calls to make; 0 to look at memory instead.
        named: Whether each call names its PABX.
        transport: One of ``TRANSPORTS``.
        idle: Seconds after which an unused connection is dropped; for memory alone.
        warm: Whether connections are opened ahead of the first calls.
        core: Core to run on, None for any.
    """

    port: int
    size: int
    calls: int
    named: bool = True
    transport: str = "default"
    idle: float = IDLE_SECONDS
    warm: bool = False
    core: int | None = None


def make_fleet(port: int, size: int, pool: PoolSettings | None = None) -> list[PABX]:
    """Return the PABX of a fleet; they share the rate and the calls in flight."""
    one = make_pabx(f"http://{address(0)}:{port}", max(2, IN_FLIGHT // size))
    one = attrs.evolve(one, rate=RateLimit(RATE // size), pool=pool or PoolSettings())
    return [
        attrs.evolve(one, name=f"p{index}", base_url=f"http://{address(index)}:{port}")
        for index in range(size)
    ]


async def dial(job: FleetJob) -> dict[str, float]:
    """Dial a list that is there at once, and return what a call cost.

    Raises:
        WrongRunError: If a call was not accepted.
    """
    seen: dict[str, list[Sent]] = {}
    calls = (
        DispatchItem(
            call=make_call(number), pabx=f"p{number % job.size}" if job.named else None
        )
        for number in range(job.calls)
    )
    async with (
        TRANSPORTS[job.transport]() as sessions,
        DigitroClient(make_fleet(job.port, job.size), sessions=sessions) as client,
    ):
        began = time.monotonic()
        if job.warm:
            await client.warm()
        warming = time.monotonic() - began
        with Stopwatch() as watch:
            async with client.dispatch(calls) as results:
                async for result in results:
                    if not result.call_id or not result.pabx:
                        raise WrongRunError(f"not accepted: {result.error!r}")
                    seen.setdefault(result.pabx, []).append(Sent.by(result.timings))
    late = [
        one
        for calls_of_one in seen.values()
        for one in lateness(calls_of_one, RateLimit(RATE // job.size))
    ]
    if len(late) != job.calls or len(seen) != job.size:
        raise WrongRunError(f"{len(late)} calls through {len(seen)} PABX")
    return {
        "cpu_us": 1e6 * watch.cpu / job.calls,
        "used": (job.calls - job.size) / (RATE * watch.wall),
        "late_p99_ms": 1000 * percentile(late, 0.99),
        "warm_ms": 1000 * warming,
    }


async def weigh(job: FleetJob) -> dict[str, float]:
    """Return the memory (RSS, MiB) of a fleet that has nothing to do.

    Raises:
        WrongRunError: If a call was not accepted.
    """
    found: dict[str, float] = {}

    def look(step: str) -> None:
        gc.collect()
        found[step] = current_mib()

    fleet = make_fleet(job.port, job.size, PoolSettings(idle_seconds=job.idle))
    async with (
        TRANSPORTS[job.transport]() as sessions,
        DigitroClient(fleet, sessions=sessions) as client,
    ):
        look("before any call")
        calls = (DispatchItem(call=make_call(1), pabx=one.name) for one in fleet)
        async with client.dispatch(calls) as results:
            async for result in results:
                if not result.call_id:
                    raise WrongRunError(f"not accepted: {result.error!r}")
        look("connected, after a call")
        await asyncio.sleep(2.5 * job.idle)
        look("after its idle time")
    return found


def main() -> None:
    """Dial, or look at memory where there are no calls to make."""
    job = read_job(FleetJob)
    pin(job.core)
    tune_process()
    hand_in(asyncio.run(dial(job) if job.calls else weigh(job)))


if __name__ == "__main__":
    main()
