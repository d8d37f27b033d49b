import asyncio
import time

import pytest
from helpers import make_call, make_pabx

from digitro_async import ClientEvent, DigitroClient, Outcome, TimeoutSettings
from digitro_async.testing import FakePABX


@pytest.mark.fake_pabx(latency=0.1)
async def test_a_function_that_blocks(fake_pabx: FakePABX) -> None:
    """Calls whose answers come while on_event keeps the loop busy are accepted."""

    def block(_: ClientEvent) -> None:
        time.sleep(0.8)

    pabx = [fake_pabx.settings(timeouts=TimeoutSettings(total=0.4)), make_pabx("other")]
    async with DigitroClient(pabx, on_event=block) as client:
        calls = [
            asyncio.create_task(
                client.dispatcher.submit(make_call(number), pabx="simulator")
            )
            for number in range(5)
        ]
        await fake_pabx.wait_for_posts(5)
        client.dispatcher.pause("other")
        results = await asyncio.gather(*calls)

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 5
    assert fake_pabx.posts == 5
