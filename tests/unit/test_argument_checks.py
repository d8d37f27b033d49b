"""Arguments that can't be used are refused at once: nothing is queued or counted."""

import asyncio
import contextlib
import decimal
import fractions
import math
from typing import Any

import pytest
from helpers import ScriptedTransport, accepted, make_call, make_pabx
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import virtual_time

from digitro_async import (
    ConfigurationError,
    DigitroClient,
    Dispatcher,
    DispatchItem,
    InvalidCallError,
    Outcome,
    PauseSettings,
    PredictiveCall,
    RateLimit,
    RateWaitTimeoutError,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
)
from digitro_async.testing import FakePABX


class Odd:
    """Is nothing that anybody asked for, and can't be hashed."""

    __hash__: Any = None


BAD_WAITS: list[Any] = [
    *("5", b"5", "", [5], (5,), {}, True, False, 1j, Odd(), object, print),
    *(math.nan, math.inf, -math.inf, -1, -0.001, 10**400, -(10**400), 1e300, 2e9),
    *(decimal.Decimal(5), fractions.Fraction(5), decimal.Decimal("nan")),
]
BAD_NAMES: list[Any] = [5, b"one", True, 1.5, ["one"], ("one",), {}, Odd(), make_pabx()]
BAD_REASONS: list[Any] = [None, 5, b"x", "", "  ", "a\nb", "x" * 65, ["x"], Odd()]
BAD_SECONDS: list[Any] = [
    *([math.nan], [math.inf], [-math.inf], ["5"], [True], [None], [10**400], [1e300]),
    [1.0, decimal.Decimal(5)],
]


def kind_of(value: object) -> str:
    """Return what a case is called: some values are hundreds of digits long."""
    return type(value).__name__


def full(transport: Any = None) -> Dispatcher:
    """Return a dispatcher with room for two calls and none left."""
    pabx = make_pabx(max_in_flight=2)
    return Dispatcher(pabx, transport or ScriptedTransport(latency=10))


def traces(dispatcher: Dispatcher) -> tuple[int, ...]:
    """Return what a call that was let in would leave behind."""
    one = dispatcher.statistics().pabx["one"]
    return (
        one.in_flight,
        one.waiting,
        one.attempts,
        dispatcher._services.in_flight.count,
    )


class TestTurns:
    """Arguments that a call waits for its turn with."""

    @pytest.mark.parametrize("wait", BAD_WAITS, ids=kind_of)
    @pytest.mark.parametrize("has_room", [True, False])
    @pytest.mark.parametrize("limit", ["max_wait", "deadline"])
    def test_limits(self, wait: Any, has_room: bool, limit: str) -> None:
        """A time to wait that is none is refused and costs no place."""

        @virtual_time
        async def run() -> None:
            dispatcher, good = full(), dict[str, Any]({limit: 100})
            others = [
                asyncio.create_task(dispatcher.submit(make_call()))
                for _ in range(0 if has_room else 2)
            ]
            await asyncio.sleep(0)
            before = traces(dispatcher)
            for _ in range(3):
                with pytest.raises(ConfigurationError, match=rf"^{limit} must be"):
                    await dispatcher.submit(make_call(), **{limit: wait})

            assert traces(dispatcher) == before

            result = await dispatcher.submit(make_call(), **good)
            await asyncio.gather(*others)

            assert result.outcome is Outcome.ACCEPTED
            assert traces(dispatcher)[0] == 0

        run()

    @pytest.mark.parametrize("wait", [0, 0.0, 1, 2.5, 10**9])
    @pytest.mark.parametrize("limit", ["max_wait", "deadline"])
    def test_limits_that_are_some(self, wait: float, limit: str) -> None:
        """Any number of seconds that a timer can wait is taken."""

        @virtual_time
        async def run() -> None:
            dispatcher = full(ScriptedTransport(latency=5))
            given: dict[str, Any] = {limit: wait}
            others = [
                asyncio.create_task(dispatcher.submit(make_call())) for _ in range(2)
            ]
            await asyncio.sleep(0)
            result = await dispatcher.submit(make_call(), **given)
            await asyncio.gather(*others)

            assert isinstance(result.error, RateWaitTimeoutError) is (wait < 5)
            assert traces(dispatcher)[:2] == (0, 0)

        run()

    @pytest.mark.parametrize("name", BAD_NAMES, ids=kind_of)
    async def test_pabx(self, name: Any) -> None:
        """A value that is no name is refused; an unknown name makes a call invalid."""
        dispatcher = full(ScriptedTransport())
        with pytest.raises(ConfigurationError, match=r"^pabx must be"):
            await dispatcher.submit(make_call(), pabx=name)
        result = await dispatcher.submit(make_call(), pabx="nobody")

        assert isinstance(result.error, InvalidCallError)
        assert traces(dispatcher) == (0, 0, 0, 0)

    @pytest.mark.parametrize("wait", BAD_WAITS, ids=kind_of)
    async def test_through_the_client(self, wait: Any) -> None:
        """The client refuses the same, before anything is opened."""
        call = make_call()
        async with FakePABX() as pabx, DigitroClient(pabx.settings()) as client:
            with pytest.raises(ConfigurationError, match=r"^max_wait must be"):
                await client.make_predictive_call(call, max_wait=wait)
            with pytest.raises(ConfigurationError, match=r"^deadline must be"):
                await client.make_predictive_call(call, deadline=wait)
            with pytest.raises(ConfigurationError, match=r"^pabx must be"):
                await client.make_predictive_call(call, pabx=5)  # type: ignore[arg-type]  # bad

            assert client.statistics().in_flight == 0
            assert pabx.posts == 0

    @given(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()
        )
    )
    def test_anything(self, value: Any) -> None:
        """Whatever is given, it is taken or refused, and no place is lost."""

        @virtual_time
        async def run() -> None:
            dispatcher = full(ScriptedTransport())
            for options in ({"max_wait": value}, {"deadline": value}, {"pabx": value}):
                with contextlib.suppress(ConfigurationError):
                    await dispatcher.submit(make_call(), **options)

            assert traces(dispatcher)[0] == traces(dispatcher)[1] == 0
            assert traces(dispatcher)[3] == 0

        run()


class TestItems:
    """A mistake in a list is one call's own fault."""

    @virtual_time
    async def test_one_bad_item_touches_no_other(self) -> None:
        """Items of any kind become results, and the others are called."""
        items: list[Any] = [
            *(DispatchItem(call=make_call(n), pabx=name) for n, name in _numbered()),
            *(DispatchItem(call=bad) for bad in BAD_NAMES),
            *(None, "x", 5, Odd(), [make_call()]),
        ]
        key: Any = [1]
        good: list[Any] = [
            make_call(1),
            DispatchItem(call=make_call(2), pabx="one", key=key),
        ]
        dispatcher = full(ScriptedTransport())
        async with dispatcher.stream([*items, *good]) as results:
            taken = [result async for result in results]

        assert results.exhausted
        outcomes = [result.outcome for result in taken]
        assert outcomes.count(Outcome.ACCEPTED) == 2
        assert outcomes.count(Outcome.INVALID) == len(items)
        assert traces(dispatcher)[0] == traces(dispatcher)[3] == 0
        assert any(result.key is key for result in taken)

    @pytest.mark.parametrize("calls", [5, None, Odd(), make_call()])
    async def test_what_is_no_list(self, calls: Any) -> None:
        """A source that can't be iterated over is refused when it is given."""
        dispatcher = full(ScriptedTransport())
        with pytest.raises((TypeError, ConfigurationError)):
            dispatcher.stream(calls)

        assert traces(dispatcher) == (0, 0, 0, 0)


def _numbered() -> list[tuple[int, Any]]:
    return list(enumerate(BAD_NAMES))


class TestSteering:
    """Pauses, slots and the making of a dispatcher."""

    @pytest.mark.parametrize("reason", BAD_REASONS)
    def test_reason(self, reason: Any) -> None:
        """A pause without a reason that can be shown is refused, and pauses nothing."""
        dispatcher = full()
        with pytest.raises(ConfigurationError, match=r"^reason must be"):
            dispatcher.pause(reason=reason)

        assert not dispatcher.needs_resume

    @pytest.mark.parametrize("name", BAD_NAMES, ids=kind_of)
    async def test_names(self, name: Any) -> None:
        """A value that is no name of a PABX can't be paused, resumed or given slots."""
        dispatcher = full()
        acts: list[Any] = [dispatcher.pause, dispatcher.resume]
        for act in (*acts, lambda one: dispatcher.reserve_slots(one, [1.0])):
            with pytest.raises(ConfigurationError, match=r"no PABX of that name"):
                act(name)

        assert not dispatcher.needs_resume

    @pytest.mark.parametrize("seconds", BAD_SECONDS)
    def test_slots(self, seconds: Any) -> None:
        """Slots that would never come free are not taken."""

        @virtual_time
        async def run() -> None:
            pabx = make_pabx(rate=RateLimit(2))
            dispatcher = Dispatcher(pabx, ScriptedTransport())
            with pytest.raises(ConfigurationError, match=r"^seconds must be"):
                dispatcher.reserve_slots("one", seconds)
            for number in range(4):
                await dispatcher.submit(make_call(number))

            assert asyncio.get_running_loop().time() < 3

        run()

    @pytest.mark.parametrize("pabx", [5, "one", [5], [make_pabx(), "x"], Odd(), {}])
    def test_pabx(self, pabx: Any) -> None:
        """A dispatcher is made of PABX and of nothing else."""
        with pytest.raises(ConfigurationError):
            Dispatcher(pabx, ScriptedTransport())
        with pytest.raises(ConfigurationError):
            DigitroClient(pabx)

    @pytest.mark.parametrize("settings", [{"retry": 5}, {"pause": "x"}, {"retry": {}}])
    def test_settings(self, settings: Any) -> None:
        """Settings of another kind are refused, not found out at the first call."""
        with pytest.raises(ConfigurationError, match=f"^{next(iter(settings))} must"):
            DigitroClient(make_pabx(), **settings)

    @pytest.mark.parametrize("given", [5, "x", Odd(), SessionManager])
    def test_sessions_and_transport(self, given: Any) -> None:
        """What can't send is refused when the client is made, before any attempt."""
        with pytest.raises(ConfigurationError, match=r"^sessions must be"):
            DigitroClient(make_pabx(), sessions=given)
        with pytest.raises(ConfigurationError, match=r"^transport (is|can't be)"):
            DigitroClient(make_pabx(), transport=given)

    async def test_recorder(self) -> None:
        """A recorder that can't record is refused before any call is read."""
        with pytest.raises(ConfigurationError, match=r"no method record_intent\(\)"):
            full().stream([make_call()], recorder=Odd())  # type: ignore[arg-type]  # bad


@pytest.mark.parametrize("value", [10**400, 2**63, 10**30], ids=kind_of)
def test_the_text_of_a_refusal(value: int) -> None:
    """A number that is too large is refused by name, and not shown."""
    for make in (
        lambda: RateLimit(value),
        lambda: TimeoutSettings(total=value),
        lambda: RetrySettings(quota=value),
    ):
        with pytest.raises(ConfigurationError, match="must not be above") as caught:
            make()
        assert str(value)[:20] not in str(caught.value)


@virtual_time
async def test_a_first_pause_longer_than_the_longest() -> None:
    """No pause is longer than the longest, the first included."""
    pause = PauseSettings(unknown_run=1, first_pause=90, max_pause=30)
    seen = accepted(1)
    seen.status = 500
    dispatcher = Dispatcher(make_pabx(), ScriptedTransport([seen]), pause=pause)
    await dispatcher.submit(make_call())

    assert dispatcher.statistics().pabx["one"].resumes_in == pytest.approx(30)


def test_calls_are_made_of_text() -> None:
    """A call of anything but text is refused before there is a call."""
    odd: list[Any] = [5, None, b"5", [], Odd()]
    for bad in odd:
        with pytest.raises(InvalidCallError):
            PredictiveCall(device="1", device_password="2", destination=bad)
