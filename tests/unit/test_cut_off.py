"""Calls that their callers cut off count by their evidence, and probes most of all."""

import asyncio
from typing import Any

import pytest
from helpers import LOST, ScriptedTransport, accepted, make_call, make_pabx
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import virtual_time

from digitro_async import (
    Dispatcher,
    Outcome,
    PABXPausedError,
    PauseSettings,
    RetrySettings,
)
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._breaker import Breaker, BreakerState
from digitro_async.errors import NotSentError
from digitro_async.protocol import AttemptResult, Classification, Observation

UNKNOWN = AttemptResult(Classification(Outcome.UNKNOWN))
UNSENT = Observation(request_started=False, status=None)


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


def make_dispatcher(transport: Any, *names: str, **settings: Any) -> Dispatcher:
    """Return a dispatcher over PABX of those names."""
    pabx = [make_pabx(name) for name in names or ("one",)]
    return Dispatcher(pabx, transport, chance=lambda: 1.0, **settings)


async def cut_off(dispatcher: Dispatcher, *, after: float, **options: Any) -> bool:
    """Submit a call and cut it off; False where it ended before."""
    try:
        async with asyncio.timeout(after):
            await dispatcher.submit(make_call(), **options)
    except TimeoutError:
        return True
    return False


def open_breaker(dispatcher: Dispatcher, name: str = "one") -> Admission:
    """Pause the PABX for 5 s by calls that become unknown."""
    admission = dispatcher._router.admissions[name]
    while not admission.is_paused:
        ticket = admission.acquire_nowait(now())
        assert ticket is not None
        ticket.release(UNKNOWN, now())
    return admission


def hangs(*, sending: bool) -> ScriptedTransport:
    """Return a transport that goes so far and is silent then."""
    seen = accepted("x") if sending else UNSENT
    return ScriptedTransport([seen] * 10_000, latency=1000)


@virtual_time
async def test_sixty_cut_off_on_the_wire() -> None:
    """After ten calls that were cut off on the wire nothing goes out any more."""
    transport = hangs(sending=True)
    dispatcher = make_dispatcher(transport)
    cut = [await cut_off(dispatcher, after=0.05) for _ in range(60)]

    assert cut == [True] * 10 + [False] * 50
    assert len(transport.attempts) == 10
    assert dispatcher.statistics().pabx["one"].paused == "unknown_run"


@virtual_time
async def test_budget() -> None:
    """Calls that are cut off between accepted ones use the budget up."""
    seen = [accepted(number) for number in range(100)]
    transport = ScriptedTransport(seen, latency=lambda: 0.1)
    dispatcher = make_dispatcher(transport)
    for number in range(100):
        await cut_off(dispatcher, after=0.05 if number % 5 == 4 else 1)

    assert dispatcher.statistics().pabx["one"].paused == "unknown_budget"
    assert len(transport.attempts) == 55


@virtual_time
async def test_unsent_ones_say_nothing() -> None:
    """Calls that are cut off before they are sent pause nothing."""
    transport = hangs(sending=False)
    dispatcher = make_dispatcher(transport)
    for _ in range(60):
        assert await cut_off(dispatcher, after=0.05)

    assert dispatcher.statistics().pabx["one"].paused == ""
    assert len(transport.attempts) == 60


@pytest.mark.parametrize("sending", [True, False])
def test_cancelled_probes(sending: bool) -> None:
    """Probes that are cancelled follow each other after 5, 10, 20, 40, 60 seconds."""

    @virtual_time
    async def run() -> None:
        transport = hangs(sending=sending)
        dispatcher = make_dispatcher(transport)
        open_breaker(dispatcher)
        while now() < 200:
            await cut_off(dispatcher, after=0.05, wait_while_paused=True)

        assert transport.times == pytest.approx([5, 15, 35, 75, 135, 195], abs=0.5)

    run()


@virtual_time
async def test_a_probe_that_never_began() -> None:
    """A turn to probe that was given to somebody who had gone is the next one's."""
    dispatcher = make_dispatcher(ScriptedTransport())
    admission = open_breaker(dispatcher)
    first = asyncio.create_task(admission.acquire(wait_while_paused=True))
    second = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await asyncio.sleep(4.999)
    asyncio.get_running_loop().call_at(5.0, first.cancel)

    assert (await second).is_probe
    assert now() == pytest.approx(5)


class TestRetryAfter:
    """It is None exactly where somebody has to act."""

    @virtual_time
    async def test_while_a_probe_is_out(self) -> None:
        """While a probe is on the wire it is the time until the next one."""
        dispatcher = make_dispatcher(hangs(sending=True))
        open_breaker(dispatcher)
        probe = asyncio.create_task(
            dispatcher.submit(make_call(), wait_while_paused=True)
        )
        await asyncio.sleep(6)
        result = await dispatcher.submit(make_call())
        error = result.error

        assert isinstance(error, PABXPausedError)
        assert error.retry_after == 10
        assert dispatcher.statistics().pabx["one"].resumes_in == 10

        probe.cancel()
        await asyncio.wait([probe])
        later = (await dispatcher.submit(make_call())).error

        assert isinstance(later, PABXPausedError)
        assert later.retry_after == pytest.approx(10)

    @virtual_time
    async def test_throttled_and_paused(self) -> None:
        """Where a throttle outlasts the pause, it is the throttle's time."""
        dispatcher = make_dispatcher(ScriptedTransport())
        admission = open_breaker(dispatcher)
        admission.standing.throttle.until = now() + 40
        error = (await dispatcher.submit(make_call())).error

        assert isinstance(error, PABXPausedError)
        assert error.retry_after == pytest.approx(40)

    @virtual_time
    async def test_held(self) -> None:
        """Where only resume helps, it is None."""
        dispatcher = make_dispatcher(ScriptedTransport())
        dispatcher.pause()
        error = (await dispatcher.submit(make_call())).error

        assert isinstance(error, PABXPausedError)
        assert error.retry_after is None

    @virtual_time
    async def test_held_beside_one_that_comes_back(self) -> None:
        """Who waited at a PABX that is held now is told of the one that comes back."""
        dispatcher = make_dispatcher(ScriptedTransport(), "a", "b")
        open_breaker(dispatcher, "b")
        dispatcher._router.admissions["a"].standing.counters.in_flight = 100
        waiting = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(1)
        dispatcher.pause("a")
        error = (await waiting).error
        dispatcher._router.admissions["a"].standing.counters.in_flight = 0

        assert isinstance(error, PABXPausedError)
        assert error.pabx == "b"
        assert error.retry_after == pytest.approx(4)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["start", "unknown", "ok", "cut", "unsent", "never"]),
            st.floats(0, 30),
        ),
        max_size=60,
    )
)
def test_probes_are_never_closer_than_the_first_pause(
    events: list[tuple[str, float]],
) -> None:
    """Between two probes that began lies a pause, and it tells when it ends."""
    breaker = Breaker(PauseSettings(unknown_run=1))
    at, began = 0.0, -100.0
    probing = False
    for event, after in events:
        at += after
        if event == "start" and breaker.until <= at:
            probing = breaker.start()
            if probing:
                assert at - began >= 5
        elif event == "unknown":
            breaker.record(UNKNOWN.classification, at, probe=probing)
            began, probing = (at if probing else began), False
        elif event == "ok" and probing:
            breaker.record(Classification(Outcome.ACCEPTED), at, probe=True)
            began, probing = -100.0, False
        elif event in ("cut", "unsent") and probing:
            breaker.cut_probe(at)
            began, probing = at, False
        elif event == "never" and probing:
            breaker.abandon_probe(at)
            probing = False
        left = breaker.seconds_left(at)

        assert breaker.state is BreakerState.PAUSED_BY_HAND or left is not None


@virtual_time
async def test_whatever_the_transport_raises_gives_the_place_back() -> None:
    """An end of the process in the middle of an attempt leaves no place taken."""

    class Ends:
        """Is told to end the process while a call is on the wire."""

        async def exchange(self, _: Any, __: Any, evidence: Any) -> Observation:
            evidence.request_started = True
            raise GeneratorExit

    dispatcher = Dispatcher(make_pabx(max_in_flight=1), Ends())
    for _ in range(3):
        with pytest.raises(GeneratorExit):
            await dispatcher.submit(make_call())

    assert dispatcher.statistics().in_flight == 0


@virtual_time
async def test_a_closed_coroutine_leaves_the_queue() -> None:
    """A call that is closed as a coroutine while it waits takes nobody's turn."""
    transport = ScriptedTransport([LOST], latency=1)
    dispatcher = Dispatcher(
        make_pabx(max_in_flight=1), transport, retry=RetrySettings(max_attempts=1)
    )
    first = asyncio.create_task(dispatcher.submit(make_call(1)))
    await asyncio.sleep(0)
    closed = dispatcher.submit(make_call(2))
    closed.send(None)
    closed.close()
    await first
    result = await dispatcher.submit(make_call(3))

    assert result.outcome is Outcome.ACCEPTED
    assert not isinstance(result.error, NotSentError)
    assert dispatcher.statistics().pabx["one"].waiting == 0
