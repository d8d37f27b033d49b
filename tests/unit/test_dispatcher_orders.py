"""What an operator orders while calls are made: pauses and rates."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest
from dispatch_scene import make_dispatcher, now
from helpers import ScriptedTransport, answered, make_call, make_pabx, take_into
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    ConfigurationError,
    DispatchItem,
    Outcome,
    PABXPausedError,
    RateLimit,
)
from digitro_async.dispatch import ORDERED, Dispatcher

Orders = Sequence[tuple[float, int | None]]


def items(count: int) -> list[DispatchItem]:
    """Return so many calls of a list."""
    return [DispatchItem(call=make_call(one), key=one) for one in range(count)]


async def dial(
    dispatcher: Dispatcher, count: int, orders: Orders = (), **rate: Any
) -> list[CallResult]:
    """Send so many calls, while rates are ordered at their times."""
    taken: list[CallResult] = []

    async def order() -> None:
        for at, calls in orders:
            await asyncio.sleep(at - now())
            dispatcher.set_rate(calls, **rate)

    ordering = asyncio.create_task(order())
    async with dispatcher.stream(items(count)) as results:
        await take_into(taken, results)
    ordering.cancel()
    return taken


class TestOrderedPauses:
    """A pause by an operator, who can end it."""

    @virtual_time
    async def test_a_list_waits(self) -> None:
        """Calls of a list wait for the operator, and go on when they are resumed."""
        transport = ScriptedTransport(latency=0.1)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=2))
        taken: list[CallResult] = []
        async with dispatcher.stream(items(10)) as results:
            taking = asyncio.create_task(take_into(taken, results))
            await asyncio.sleep(0.15)
            dispatcher.pause(reason=ORDERED)
            await asyncio.sleep(3600)

            assert len(transport.attempts) == len(taken) == 4
            pause = dispatcher.statistics().pabx["one"].pause
            assert pause is not None
            assert (pause.code, pause.next_try_in) == ("ordered", None)
            assert not dispatcher.needs_resume
            single = await dispatcher.submit(make_call(99))
            assert isinstance(single.error, PABXPausedError)

            dispatcher.resume()
            await taking
        assert {one.outcome for one in taken} == {Outcome.ACCEPTED}
        assert len(taken) == 10

    @virtual_time
    async def test_drain(self) -> None:
        """A list that waits for the operator ends when it is told to stop."""
        transport = ScriptedTransport()
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=2))
        dispatcher.pause(reason=ORDERED)
        async with dispatcher.stream(items(10)) as results:
            await asyncio.sleep(1)
            results.drain()
            taken = [result async for result in results]
        assert transport.attempts == []
        assert all(one.was_put_back for one in taken)

    @virtual_time
    async def test_several_pabx(self) -> None:
        """Others take the calls meanwhile; with one that is wrong the operator counts.

        A key that is not taken ends a run where nothing else is left. A pause that
        somebody ordered is no such end.
        """
        transport = ScriptedTransport(
            decide=lambda one: answered(401) if one.pabx == "wrong" else None
        )
        pabx = [make_pabx(name=name, max_in_flight=1) for name in ("wrong", "paused")]
        dispatcher = make_dispatcher(transport, pabx)
        dispatcher.pause("paused", reason=ORDERED)
        taken: list[CallResult] = []
        async with dispatcher.stream(items(6)) as results:
            taking = asyncio.create_task(take_into(taken, results))
            await asyncio.sleep(60)
            assert len(taken) == 1  # by the answer 401
            dispatcher.resume("paused")
            await taking
        assert [one.outcome for one in taken].count(Outcome.ACCEPTED) == 5


def windows(starts: list[float], per: float) -> list[tuple[float, int]]:
    """Return for each start how many there are in the window that it begins."""
    return [(one, sum(one <= other < one + per for other in starts)) for one in starts]


class TestOrderedRates:
    """A rate that is changed while calls are made."""

    @settings(max_examples=30)
    @given(
        configured=st.integers(1, 12),
        orders=st.lists(
            st.tuples(st.floats(0.05, 6), st.integers(1, 12)), max_size=4
        ).map(sorted),
        latency=st.sampled_from([0.0, 0.03, 0.4]),
    )
    def test_no_window_has_more(
        self, configured: int, orders: list[tuple[float, int]], latency: float
    ) -> None:
        """No window has more calls than the highest cap that held in it."""
        caps = [(0.0, configured), *orders]

        transport = ScriptedTransport(latency=latency)

        @virtual_time
        async def run() -> None:
            pabx = make_pabx(rate=RateLimit(configured), max_in_flight=20)
            await dial(make_dispatcher(transport, pabx), 30, orders)

        run()
        for begins, count in windows(transport.times, 1.0 - 1e-9):
            in_force = [calls for at, calls in caps if at <= begins][-1]
            later = [calls for at, calls in caps if begins < at < begins + 1.0]
            assert count <= max([in_force, *later])

    @virtual_time
    async def test_it_is_used(self) -> None:
        """More is used at once, fewer within a window, and the settings' again."""
        transport = ScriptedTransport()
        pabx = make_pabx(rate=RateLimit(10), max_in_flight=100)
        dispatcher = make_dispatcher(transport, pabx)
        await dial(dispatcher, 700, [(10.0, 40), (20.0, 5), (30.0, None)])

        def begun(since: float, until: float) -> int:
            return sum(since <= one < until for one in transport.times)

        assert 95 <= begun(0, 10) <= 101
        assert 370 <= begun(10, 20) <= 410
        assert 40 <= begun(20, 30) <= 55
        assert 85 <= begun(30, 40) <= 105

    @virtual_time
    async def test_statistics(self) -> None:
        """The cap that holds is told from the order on."""
        pabx = make_pabx(rate=RateLimit(10), max_in_flight=100)
        dispatcher = make_dispatcher(ScriptedTransport(), pabx)
        for calls, told in ((30, 30), (3, 3), (None, 10)):
            dispatcher.set_rate(calls)
            await dial(dispatcher, 1)
            await asyncio.sleep(2)
            assert dispatcher.statistics().pabx["one"].allowed_rate == told

    @virtual_time
    async def test_other_windows(self) -> None:
        """A rate in longer seconds is parted among the windows of the settings."""
        transport = ScriptedTransport()
        pabx = make_pabx(rate=RateLimit(10, per=2.0), max_in_flight=100)
        dispatcher = make_dispatcher(transport, pabx)
        dispatcher.set_rate(30, per=10.0)
        await dial(dispatcher, 60)

        assert max(count for _, count in windows(transport.times, 2 - 1e-9)) == 6
        with pytest.raises(ConfigurationError, match="counts the calls in 2 s"):
            dispatcher.set_rate(10, per=1.0)
        with pytest.raises(ConfigurationError, match="at least 1"):
            dispatcher.set_rate(1, per=10.0)

    @pytest.mark.parametrize(
        ("calls", "per"), [(0, 1.0), (-1, 1.0), (1.5, 1.0), (1, 0.0), (1, math.inf)]
    )
    def test_wrong_rates(self, calls: Any, per: float) -> None:
        """What is no rate is refused."""
        pabx = make_pabx(rate=RateLimit(10))
        dispatcher = make_dispatcher(ScriptedTransport(), pabx)
        with pytest.raises(ConfigurationError, match="a rate is"):
            dispatcher.set_rate(calls, per=per)

    @virtual_time
    async def test_without_a_cap(self) -> None:
        """A PABX without a cap has no window to count in; nothing is changed then."""
        pabx = [make_pabx(name="capped", rate=RateLimit(10)), make_pabx(name="free")]
        pabx[1] = make_pabx(name="free", base_url="http://other")
        dispatcher = make_dispatcher(ScriptedTransport(), pabx)
        with pytest.raises(ConfigurationError, match="PABX free has no cap"):
            dispatcher.set_rate(5)
        with pytest.raises(ConfigurationError, match="no PABX of that name"):
            dispatcher.set_rate(5, pabx="none")
        dispatcher.set_rate(5, pabx="capped")

    @virtual_time
    async def test_calls_on_the_wire(self) -> None:
        """Calls that are on the wire when a rate is ordered keep their slots."""
        transport = ScriptedTransport(latency=5.0)
        pabx = make_pabx(rate=RateLimit(4), max_in_flight=100)
        dispatcher = make_dispatcher(transport, pabx)
        await dial(dispatcher, 12, [(2.0, 2)])

        assert transport.most_on_wire >= 3
        after = [one for one in transport.times if one > 2.0]
        assert max(count for _, count in windows(after, 6.0 - 1e-9)) <= 2
