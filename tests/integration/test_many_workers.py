"""Many workers that wait take no longer to drain than they are many."""

import asyncio
from collections.abc import AsyncIterator

from cpu_time import cpu_seconds
from helpers import ScriptedTransport, make_call, make_pabx

from digitro_async import Dispatcher, DispatchItem, PredictiveCall


async def test_drained_with_many_workers() -> None:
    """A list that is drained with 10,000 workers waiting ends at once."""

    async def source() -> AsyncIterator[PredictiveCall | DispatchItem]:
        for number in range(10_000):
            yield make_call(number)
        await asyncio.sleep(1000)

    transport = ScriptedTransport(latency=0.5)
    dispatcher = Dispatcher(make_pabx(max_in_flight=10_000), transport)
    async with dispatcher.stream(source()) as results:
        for _ in range(5000):
            await anext(results)

        async def drain() -> None:
            results.drain()
            async for _ in results:
                pass

        assert await cpu_seconds(drain) < 5
    assert not results.exhausted
