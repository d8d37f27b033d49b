"""Many workers that wait take no longer to drain than they are many."""

import asyncio
from collections.abc import AsyncIterator

from cpu_time import Act, assert_in_proportion
from helpers import ScriptedTransport, make_call, make_pabx

from digitro_async import Dispatcher, DispatchItem, PredictiveCall


async def test_drained_with_many_workers() -> None:
    """A list that is drained with many workers waiting ends at once, each alike."""

    async def prepare(count: int) -> Act:
        async def source() -> AsyncIterator[PredictiveCall | DispatchItem]:
            for number in range(count):
                yield make_call(number)
            await asyncio.sleep(1000)

        transport = ScriptedTransport(latency=0.5)
        dispatcher = Dispatcher(make_pabx(max_in_flight=count), transport)
        results = await dispatcher.stream(source()).__aenter__()
        for _ in range(count // 2):
            await anext(results)

        async def drain() -> None:
            results.drain()
            async for _ in results:
                pass
            assert not results.exhausted
            await results.__aexit__(None, None, None)

        return drain

    await assert_in_proportion(prepare, 1_000, 10_000)
