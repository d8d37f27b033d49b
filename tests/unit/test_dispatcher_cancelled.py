import asyncio
import random
from collections.abc import Callable
from typing import Any

import anyio
import attrs
import pytest
from dispatch_scene import is_clean, make_dispatcher, now, submit_all
from helpers import (
    LOST,
    NOT_SENT,
    ScriptedTransport,
    accepted,
    answered,
    everything_of,
    make_call,
    make_pabx,
    per_second,
    within,
)
from virtual_time import virtual_time

from digitro_async import PABX, Outcome, RetrySettings
from digitro_async.protocol import Evidence, Observation, Request

Limit = Callable[[float], Any]


class TestCancellation:
    """The state that a cancelled call leaves."""

    @pytest.mark.parametrize("limit", [asyncio.timeout, anyio.fail_after])
    @pytest.mark.parametrize("sent", [True, False])
    def test_on_the_wire(self, limit: Limit, sent: bool) -> None:
        """A call cut off on the wire is counted by its evidence and holds nothing."""

        @virtual_time
        async def run() -> None:
            seen = attrs.evolve(accepted("x"), request_started=sent)
            transport = ScriptedTransport([seen], latency=10)
            dispatcher = make_dispatcher(transport, make_pabx(rate=per_second(1)))
            with pytest.raises(TimeoutError):
                async with within(limit(2)):
                    await dispatcher.submit(make_call())
            outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT

            assert now() == pytest.approx(2)
            assert dispatcher.statistics().outcomes[outcome] == 1
            assert is_clean(dispatcher)
            current = asyncio.current_task()
            assert current is not None
            assert current.cancelling() == 0

            await dispatcher.submit(make_call())

            # The PABX may still read what was sent: a quarantine and a window more.
            assert transport.times[1] == pytest.approx(121 if sent else 2)

        run()

    @pytest.mark.parametrize("limit", [asyncio.timeout, anyio.fail_after])
    def test_while_waiting(self, limit: Limit) -> None:
        """A call cut off while it waits was never begun."""

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport(latency=10)
            dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=1))
            first = asyncio.create_task(dispatcher.submit(make_call()))
            await asyncio.sleep(0)
            with pytest.raises(TimeoutError):
                async with within(limit(2)):
                    await dispatcher.submit(make_call())

            assert (await first).outcome is Outcome.ACCEPTED
            assert len(transport.attempts) == 1
            assert is_clean(dispatcher)

        run()

    @virtual_time
    async def test_while_backing_off(self) -> None:
        """A call cut off during its back-off leaves nothing."""
        dispatcher = make_dispatcher(ScriptedTransport([NOT_SENT] * 3))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await dispatcher.submit(make_call())

        assert is_clean(dispatcher)

    @virtual_time
    async def test_probe(self) -> None:
        """A probe that is cut off does not keep the PABX shut."""
        transport = ScriptedTransport([LOST] * 10, latency=lambda: 1.0)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=10))
        await submit_all(dispatcher, 10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.5):
                await dispatcher.submit(make_call(), wait_while_paused=True)
        result = await dispatcher.submit(make_call(), wait_while_paused=True)

        assert result.outcome is Outcome.ACCEPTED
        assert is_clean(dispatcher)

    @virtual_time
    async def test_cancellation_that_is_not_ours(self) -> None:
        """Where only what the transport waited for is cancelled, the call goes on."""

        class Fickle:
            """Waits for something that is cancelled."""

            attempts = 0

            async def exchange(self, *_: object) -> Observation:
                self.attempts += 1
                if self.attempts == 1:
                    other = asyncio.get_running_loop().create_future()
                    other.cancel()
                    await other
                return accepted("y")

        result = await make_dispatcher(Fickle()).submit(make_call())

        assert result.outcome is Outcome.ACCEPTED
        assert result.attempts == 2

    @virtual_time
    async def test_transport_that_raises_anything(self) -> None:
        """Whatever a transport raises is settled by the evidence."""

        class Sick:
            """Breaks half way."""

            def __init__(self, *, sending: bool) -> None:
                self.request_started = sending

            async def exchange(
                self, _: PABX, __: Request, evidence: Evidence
            ) -> Observation:
                evidence.request_started = self.request_started
                raise RuntimeError("canary-secret")

        retry = RetrySettings(max_attempts=1)
        for sending, outcome in ((True, Outcome.UNKNOWN), (False, Outcome.NOT_SENT)):
            dispatcher = make_dispatcher(Sick(sending=sending), retry=retry)
            result = await dispatcher.submit(make_call())

            assert result.outcome is outcome
            assert result.error is not None
            assert result.error.reason == "unexpected_error"
            assert "canary" not in everything_of(result.error)
            assert is_clean(dispatcher)

    @pytest.mark.parametrize("seed", range(20))
    def test_nothing_leaks_whatever_is_cancelled(self, seed: int) -> None:
        """After any mixture of ends nothing is held and every call is accounted for."""
        chance = random.Random(seed)
        kinds = [None, None, None, LOST, NOT_SENT, answered(429), answered(400)]

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport(
                latency=lambda: chance.random() * 2,
                decide=lambda _: chance.choice(kinds),
            )
            pabx = [
                make_pabx(name, rate=per_second(20), max_in_flight=5) for name in "ab"
            ]
            dispatcher = make_dispatcher(transport, pabx)
            tasks = []
            for number in range(200):
                coroutine = dispatcher.submit(
                    make_call(number), wait_while_paused=chance.random() < 0.8
                )
                tasks.append(asyncio.create_task(coroutine))
                await asyncio.sleep(chance.random() * 0.1)
                if chance.random() < 0.5:
                    chance.choice(tasks).cancel()
                if chance.random() < 0.02:
                    dispatcher.pause(chance.choice("ab"))
                if chance.random() < 0.1:
                    dispatcher.resume()
            dispatcher.resume()
            await asyncio.gather(*tasks, return_exceptions=True)

            assert is_clean(dispatcher)
            statistics = dispatcher.statistics()
            assert statistics.in_flight == 0
            assert statistics.attempts == len(transport.attempts)
            settled = [task.result() for task in tasks if not task.cancelled()]
            for result in settled:
                reached = transport.destinations.count(result.call.destination.reveal())
                assert reached == result.attempts

        run()
