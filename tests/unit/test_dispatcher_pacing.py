import asyncio
import random

import pytest
from dispatch_scene import is_clean, make_dispatcher, now, submit_all
from helpers import (
    LOST,
    NOT_SENT,
    ScriptedTransport,
    accepted,
    make_call,
    make_pabx,
    per_second,
)
from virtual_time import virtual_time

from digitro_async import PABX, Outcome, RateLimit, RateWaitTimeoutError
from digitro_async.dispatch._pacing import CATCH_UP
from digitro_async.protocol import Evidence, Observation, Request


class TestPacing:
    """When calls start."""

    @virtual_time
    async def test_starts_are_evenly_spaced(self) -> None:
        """Calls that wait together start one by one, not in bursts."""
        transport = ScriptedTransport()
        dispatcher = make_dispatcher(transport, make_pabx(rate=per_second(10)))
        await submit_all(dispatcher, 30)
        gaps = [
            b - a for a, b in zip(transport.times, transport.times[1:], strict=False)
        ]

        assert min(gaps) >= 0.1 - CATCH_UP - 1e-9
        assert transport.times[-1] == pytest.approx(2.9, abs=2 * CATCH_UP)
        assert is_clean(dispatcher)

    @pytest.mark.parametrize("seed", range(40))
    def test_no_window_holds_more_than_the_cap(self, seed: int) -> None:
        """Whatever the latencies, no window at the PABX is over the cap."""
        chance = random.Random(seed)
        calls = chance.choice([1, 2, 3, 7, 20])
        per = chance.choice([0.5, 1.0, 3.0])
        slow = chance.choice([0.01, 0.3, 2.0])
        arrived: list[float] = []

        class Wire:
            """Takes calls at any moment between their start and their answer."""

            async def exchange(
                self, _: PABX, __: Request, evidence: Evidence
            ) -> Observation:
                if chance.random() < 0.1:
                    await asyncio.sleep(chance.random() * slow)
                    return NOT_SENT
                evidence.request_started = True
                await asyncio.sleep(chance.random() * slow)
                arrived.append(now())
                if chance.random() < 0.5:
                    await asyncio.sleep(chance.random() * slow)
                kind = chance.random()
                return LOST if kind < 0.02 else accepted(len(arrived))

        @virtual_time
        async def run() -> None:
            pabx = make_pabx(rate=RateLimit(calls, per), max_in_flight=50)
            dispatcher = make_dispatcher(Wire(), pabx)
            tasks = []
            for number in range(150):
                call = dispatcher.submit(make_call(number), wait_while_paused=True)
                tasks.append(asyncio.create_task(call))
                if chance.random() < 0.2:
                    await asyncio.sleep(chance.random())
                if chance.random() < 0.1:
                    chance.choice(tasks).cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

            assert is_clean(dispatcher)

        run()
        arrived.sort()
        over = [
            late - early
            for early, late in zip(arrived, arrived[calls:], strict=False)
            if late - early < per - 1e-9
        ]

        assert len(arrived) > 20
        assert over == []

    @virtual_time
    async def test_no_more_in_flight_than_allowed(self) -> None:
        """No more calls are on the wire than max_in_flight."""
        transport = ScriptedTransport(latency=0.1)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=7))
        await submit_all(dispatcher, 100)

        assert transport.most_on_wire == 7
        assert now() == pytest.approx(1.5, abs=0.01)

    @virtual_time
    async def test_first_come_first_served(self) -> None:
        """Calls go out in the order in which they were submitted."""
        transport = ScriptedTransport(latency=0.1)
        pabx = make_pabx(rate=per_second(5), max_in_flight=2)
        await submit_all(make_dispatcher(transport, pabx), 25)

        assert transport.destinations == [str(number) for number in range(25)]

    @virtual_time
    async def test_max_wait(self) -> None:
        """A call whose turn does not come in time was not sent."""
        transport = ScriptedTransport()
        dispatcher = make_dispatcher(transport, make_pabx(rate=per_second(1)))
        results = await submit_all(dispatcher, 5, max_wait=2.5)

        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 3 + [
            Outcome.NOT_SENT
        ] * 2
        assert isinstance(results[4].error, RateWaitTimeoutError)
        assert results[4].pabx == "one"
        assert results[4].attempts == 0
        assert dispatcher.statistics().outcomes[Outcome.NOT_SENT] == 2
        assert is_clean(dispatcher)
