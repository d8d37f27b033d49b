"""A deadline bounds all that a call waits for, and cuts nothing off."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from dispatch_scene import is_clean, make_dispatcher, now, submit_all
from helpers import (
    LOST,
    NOT_SENT,
    ScriptedTransport,
    answered,
    make_call,
    make_pabx,
    per_second,
)
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    CallResult,
    ConnectFailedError,
    Dispatcher,
    Outcome,
    PABXPausedError,
    PauseSettings,
    RateLimit,
    RateWaitTimeoutError,
    RetrySettings,
    ThrottledError,
)
from digitro_async.protocol import Observation

SLOWLY = RetrySettings(max_attempts=10, base_delay=1, max_delay=60)


def without_channel(name: str = "one", **settings: Any) -> PABX:
    """Return a PABX whose channel is not open yet."""
    return attrs.evolve(make_pabx(name, **settings), channel_id=None)


def throttled(seconds: int) -> Observation:
    """Return an answer that asks for rest."""
    return answered(429, retry_after=str(seconds))


async def timed(dispatcher: Dispatcher, **options: Any) -> tuple[float, CallResult]:
    """Submit one call; return the time that it took, and its result."""
    began = now()
    result = await dispatcher.submit(make_call(), **options)
    return now() - began, result


class TestWaits:
    """The waits that a deadline ends."""

    @virtual_time
    async def test_for_a_rate_slot(self) -> None:
        """A call whose slot is too far away is not sent, and says that time was up."""
        dispatcher = make_dispatcher(ScriptedTransport(), make_pabx(rate=per_second(1)))
        results = await submit_all(dispatcher, 5, deadline=2.5)

        assert [result.outcome for result in results].count(Outcome.ACCEPTED) == 3
        error = results[-1].error
        assert isinstance(error, RateWaitTimeoutError)
        assert (error.reason, error.attempts) == ("deadline", 0)
        assert now() == pytest.approx(2.5)
        assert is_clean(dispatcher)

    @virtual_time
    async def test_for_a_place(self) -> None:
        """The wait for a call that is on the wire ends, and that call goes on."""
        transport = ScriptedTransport(latency=10)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=1))
        first = asyncio.create_task(timed(dispatcher, deadline=1))
        await asyncio.sleep(0)
        waited, result = await timed(dispatcher, deadline=3)

        assert (waited, result.outcome) == (3, Outcome.NOT_SENT)
        assert (await first)[1].outcome is Outcome.ACCEPTED
        assert is_clean(dispatcher)

    @virtual_time
    async def test_for_a_channel(self) -> None:
        """The wait for a channel id ends."""
        dispatcher = make_dispatcher(ScriptedTransport(), without_channel())
        dispatcher.set_channel_id(None)
        waited, result = await timed(dispatcher, deadline=4, wait_while_paused=True)

        assert (waited, result.outcome) == (4, Outcome.NOT_SENT)

    @virtual_time
    async def test_for_the_end_of_a_pause(self) -> None:
        """The wait for a pause ends; who does not wait for one fails at once."""
        pause = PauseSettings(unknown_run=1, first_pause=30)
        dispatcher = make_dispatcher(ScriptedTransport([LOST]), pause=pause)
        await dispatcher.submit(make_call())
        waited, result = await timed(dispatcher, deadline=4, wait_while_paused=True)
        at_once, refused = await timed(dispatcher, deadline=4)

        assert (waited, at_once) == (4, 0)
        assert isinstance(result.error, RateWaitTimeoutError)
        assert isinstance(refused.error, PABXPausedError)

    @virtual_time
    async def test_for_a_throttle(self) -> None:
        """A call of another that was throttled waits no longer than it may."""
        transport = ScriptedTransport([throttled(20)])
        once = RetrySettings(max_attempts=1)
        dispatcher = make_dispatcher(transport, retry=once)
        await dispatcher.submit(make_call())
        waited, result = await timed(dispatcher, deadline=5)

        assert (waited, result.outcome, result.attempts) == (5, Outcome.NOT_SENT, 0)

    @virtual_time
    async def test_no_wait_at_all(self) -> None:
        """With a deadline of 0 a call goes now, or not."""
        transport = ScriptedTransport(latency=2)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=1))
        first, second = await submit_all(dispatcher, 2, deadline=0)

        assert first.outcome is Outcome.ACCEPTED
        assert second.outcome is Outcome.NOT_SENT
        assert now() == 2


class TestRetries:
    """What becomes of a call that had an attempt."""

    @virtual_time
    async def test_a_retry_that_would_be_too_late(self) -> None:
        """Nobody waits for a retry that would come too late: the cause is told now."""
        dispatcher = make_dispatcher(ScriptedTransport([throttled(20)]), retry=SLOWLY)
        waited, result = await timed(dispatcher, deadline=5)

        assert waited == 0
        assert isinstance(result.error, ThrottledError)
        assert result.error.retry_after == 20
        assert (result.outcome, result.attempts) == (Outcome.REFUSED, 1)
        assert is_clean(dispatcher)

    @virtual_time
    async def test_retries_within_it(self) -> None:
        """Retries go on until the next one would be too late."""
        transport = ScriptedTransport([NOT_SENT] * 10)
        dispatcher = make_dispatcher(transport, retry=SLOWLY)
        _, result = await timed(dispatcher, deadline=8)

        assert transport.times == [0, 1, 3, 7]
        assert isinstance(result.error, ConnectFailedError)
        assert result.attempts == 4

    @pytest.mark.parametrize("limit", ["deadline", "max_wait"])
    def test_a_turn_that_is_too_late(self, limit: str) -> None:
        """A call whose second turn is too late ends with the error of its attempt."""

        @virtual_time
        async def run() -> None:
            transport = ScriptedTransport([throttled(1)], latency=1)
            pabx = make_pabx(rate=RateLimit(1, 10))
            dispatcher = make_dispatcher(transport, pabx, retry=SLOWLY)
            waited, result = await timed(dispatcher, **{limit: 4})

            assert waited == {"deadline": 4, "max_wait": 6}[limit]
            assert isinstance(result.error, ThrottledError)
            assert (result.attempts, result.timings.latency) == (1, 1)
            assert dispatcher.statistics().outcomes[Outcome.REFUSED] == 1
            assert is_clean(dispatcher)

        run()

    @virtual_time
    async def test_a_call_on_the_wire_goes_on(self) -> None:
        """A call that is on the wire at the deadline ends by its answer."""
        transport = ScriptedTransport(latency=25)
        waited, result = await timed(make_dispatcher(transport), deadline=5)

        assert (waited, result.outcome) == (25, Outcome.ACCEPTED)


class TestSeveral:
    """A limit holds for all PABX together."""

    @pytest.mark.parametrize("limit", ["deadline", "max_wait"])
    def test_failover(self, limit: str) -> None:
        """A call that changes the PABX it waits for does not wait anew."""

        @virtual_time
        async def run() -> None:
            pause = PauseSettings(unknown_run=1, first_pause=100)
            names = ("one", "two")
            pabx = [make_pabx(name=name, max_in_flight=1) for name in names]
            transport = ScriptedTransport([LOST, LOST], latency=iter([3, 50]).__next__)
            dispatcher = make_dispatcher(transport, pabx, pause=pause)
            tasks = [
                asyncio.create_task(dispatcher.submit(make_call(), pabx=name))
                for name in names
            ]
            await asyncio.sleep(0)
            waited, result = await timed(dispatcher, **{limit: 5})
            await asyncio.gather(*tasks)

            assert (waited, result.outcome) == (5, Outcome.NOT_SENT)
            assert is_clean(dispatcher)

        run()


async def test_a_busy_loop() -> None:
    """A turn that came in time to a loop that was busy is not used too late."""
    for _ in range(10):
        transport = ScriptedTransport()
        dispatcher = Dispatcher(make_pabx(rate=RateLimit(1, 0.2)), transport)
        await dispatcher.submit(make_call())
        loop = asyncio.get_running_loop()
        # In the iteration in which the turn comes, and before its task runs.
        loop.call_later(0.1, busy(0.3))
        result = await dispatcher.submit(make_call(), deadline=0.25)
        if len(transport.attempts) == 1:
            break  # or the machine stood still until the turn had come

    assert isinstance(result.error, RateWaitTimeoutError)
    assert len(transport.attempts) == 1
    assert is_clean(dispatcher)


def busy(seconds: float) -> Callable[[], None]:
    """Return a function that keeps the loop busy."""

    def spin() -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            pass

    return spin


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a mix of waits."""
    seen = st.sampled_from([NOT_SENT, throttled(1), throttled(7), LOST, answered(404)])
    return {
        "script": draw(st.lists(seen, max_size=8)),
        "latency": draw(st.sampled_from([0, 0.5, 3])),
        "rate": draw(st.sampled_from([None, per_second(1), RateLimit(1, 5)])),
        "max_in_flight": draw(st.integers(1, 3)),
        "channel": draw(st.booleans()),
        "several": draw(st.booleans()),
        "waits": draw(st.booleans()),
        "deadlines": draw(
            st.lists(st.sampled_from([0, 0.3, 1, 4.5, 9]), min_size=1, max_size=5)
        ),
        "max_wait": draw(st.sampled_from([None, None, 2])),
    }


@given(scenes())
def test_any_mix(scene: dict[str, Any]) -> None:
    """Any call ends by its deadline, or by the end of an attempt begun before it."""

    @virtual_time
    async def run() -> None:
        transport = ScriptedTransport(scene["script"], latency=scene["latency"])
        settings = {name: scene[name] for name in ("rate", "max_in_flight")}
        pabx = [
            (make_pabx if scene["channel"] else without_channel)(name, **settings)
            for name in ("one", "two")[: 1 + scene["several"]]
        ]
        pause = PauseSettings(unknown_run=2, not_sent_run=3, first_pause=6)
        dispatcher = make_dispatcher(transport, pabx, retry=SLOWLY, pause=pause)
        if not scene["channel"]:
            dispatcher.set_channel_id(None)
            asyncio.get_running_loop().call_later(2, dispatcher.set_channel_id, 5)
        limits = {"max_wait": scene["max_wait"], "wait_while_paused": scene["waits"]}
        ended = await asyncio.gather(
            *(
                timed(dispatcher, deadline=deadline, **limits)
                for deadline in scene["deadlines"]
            )
        )

        for deadline, (waited, result) in zip(scene["deadlines"], ended, strict=True):
            assert waited <= deadline + scene["latency"] + 1e-6
            assert (result.attempts == 0) <= (result.outcome is Outcome.NOT_SENT)
        assert max(transport.times, default=0) <= max(scene["deadlines"])
        assert is_clean(dispatcher)

    run()
