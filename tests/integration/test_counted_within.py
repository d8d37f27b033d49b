"""A cap whose slots are freed by the time of the sending, over real connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from helpers import Line, RawServer, answer, make_call, make_pabx, quiet_loop
from ways import WAYS, MakeSessions

from digitro_async import DigitroClient, RateLimit


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
async def test_a_call_is_made_before_the_last_is_answered(way: MakeSessions) -> None:
    """With one slot the second call goes while the first is unanswered, on both ways.

    The server answers none before it has read both.
    """
    both = asyncio.Barrier(2)
    cap = RateLimit(1, per=0.02, counted_within=0.01)

    async def answer_together(line: Line) -> None:
        await line.read_request()
        await both.wait()
        line.send(answer(id(line)))

    async with (
        RawServer(answer_together) as server,
        way() as sessions,
        DigitroClient(
            make_pabx(base_url=server.base_url, rate=cap), sessions=sessions
        ) as client,
        asyncio.timeout(60),
    ):
        calls = [client.dispatcher.submit(make_call(number)) for number in range(2)]
        results = await asyncio.gather(*calls)

    assert [one.attempts for one in results] == [1, 1]
