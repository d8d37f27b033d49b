"""Dispatchers in virtual time, and what they leave behind."""

import asyncio
from typing import Any

from helpers import make_call, make_pabx

from digitro_async import PABX, CallResult, Dispatcher
from digitro_async.dispatch._pacing import Pacer


def make_dispatcher(
    transport: Any, pabx: PABX | list[PABX] | None = None, **settings: Any
) -> Dispatcher:
    """Return a dispatcher whose jitter is always the longest."""
    return Dispatcher(pabx or make_pabx(), transport, chance=lambda: 1.0, **settings)


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


async def submit_all(
    dispatcher: Dispatcher,
    count: int,
    *,
    wait_while_paused: bool = True,
    **options: Any,
) -> list[CallResult]:
    """Submit a number of calls at once."""
    return await asyncio.gather(
        *(
            dispatcher.submit(
                make_call(number), wait_while_paused=wait_while_paused, **options
            )
            for number in range(count)
        )
    )


def is_clean(dispatcher: Dispatcher) -> bool:
    """Whether nothing is left on the wire, in the pacer or among the waiting."""
    for admission in dispatcher._router.admissions.values():
        standing = admission.standing
        held = standing.pacer._held if isinstance(standing.pacer, Pacer) else 0
        if standing.counters.in_flight or held or any(admission._waiters):
            return False
    services = dispatcher._services
    return not services.in_flight.count and not services.back_offs._sleepers


async def cancel_a_waiting_call(dispatcher: Dispatcher, *, is_listed: bool) -> None:
    """Cancel a call that never has its turn: a single one, or one of a list."""
    dispatcher.set_channel_id(None)  # it waits for another one

    async def wait() -> None:
        if is_listed:
            async with dispatcher.stream([make_call()]) as results:
                async for _ in results:
                    pass
        else:
            await dispatcher.submit(make_call())

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
