"""A PABX that stands still for a while, in virtual time: its cap holds all the same."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from helpers import (
    WIRE_NAMES,
    ScriptedTransport,
    accepted,
    answered,
    make_call,
    make_pabx,
)
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    CallResult,
    Dispatcher,
    Outcome,
    PauseSettings,
    RateLimit,
    TimeoutSettings,
)
from digitro_async.protocol import Evidence, Failure, Observation, Request

LENIENT = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)
PAUSES = {"default": PauseSettings(), "lenient": LENIENT}
LATENCY = 0.02
STOPS_AT = 5.01


class StandingTransport:
    """A PABX that stands still, and then reads what was sent meanwhile, all at once.

    Args:
        seconds: For how long.
    """

    def __init__(self, seconds: float) -> None:
        self.goes_on_at = STOPS_AT + seconds
        self.counted: list[float] = []
        self.names: list[str] = []

    async def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Observation:
        """Make one attempt; what is cut off is counted all the same."""
        loop = asyncio.get_running_loop()
        evidence.request_started = True
        sent = loop.time()
        stands = STOPS_AT <= sent < self.goes_on_at
        read = self.goes_on_at if stands else sent
        self.counted.append(read)
        self.names.append(pabx.name)
        answer = read + LATENCY - sent
        if answer > pabx.timeouts.total:
            await asyncio.sleep(pabx.timeouts.total)
            return Observation(request_started=True, failure=Failure.TIMEOUT)
        await asyncio.sleep(answer)
        return accepted(f"{json.loads(request.body)[WIRE_NAMES['destination']]} {sent}")


def most_in_a_window(counted: Iterable[float], window: float = 1.0) -> int:
    """Return the most calls that were counted within a window."""
    times = sorted(counted)
    return max(
        sum(last - window < one <= last for one in times[: place + 1])
        for place, last in enumerate(times)
    )


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


async def submit_all(
    dispatcher: Dispatcher, count: int, **given: Any
) -> list[CallResult]:
    """Submit ``count`` calls at once, and wait for all."""
    return await asyncio.gather(
        *(
            dispatcher.submit(make_call(number), wait_while_paused=True, **given)
            for number in range(count)
        )
    )


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("cap", [1, 2, 3, 5, 50])
@pytest.mark.parametrize("seconds", [5.0, 13.0, 33.0, 100.0, 114.0])
def test_no_window_above_the_cap(seconds: float, cap: int, pause: str) -> None:
    """However long it stands still, no window holds more than the cap, and all go."""

    @virtual_time
    async def run() -> None:
        transport = StandingTransport(seconds)
        pabx = make_pabx(rate=RateLimit(cap))
        dispatcher = Dispatcher(pabx, transport, pause=PAUSES[pause])
        results = await submit_all(dispatcher, 12 * cap)

        assert most_in_a_window(transport.counted) <= cap
        assert len(transport.counted) == len(results)
        assert now() <= STOPS_AT + seconds + 160 + 20

    run()


@pytest.mark.parametrize("cap", [3, 5, 50])
@pytest.mark.parametrize("seconds", [32.0, 60.0])
def test_it_is_asked_again_within_an_attempt(seconds: float, cap: int) -> None:
    """A PABX that goes on while one call waits for it is dialled at once again."""

    @virtual_time
    async def run() -> None:
        transport = StandingTransport(seconds)
        dispatcher = Dispatcher(make_pabx(rate=RateLimit(cap)), transport)
        results = await submit_all(dispatcher, 12 * cap)
        lost = [one for one in results if one.outcome is Outcome.UNKNOWN]

        assert len(lost) == cap - 1
        assert now() < STOPS_AT + max(seconds, 37) + 1 + 12 + 1

    run()


def test_calls_cut_off_by_their_callers_keep_their_slots() -> None:
    """A call that its caller gave up after it was sent may still be counted."""

    @virtual_time
    async def run() -> None:
        transport = StandingTransport(40.0)
        dispatcher = Dispatcher(make_pabx(rate=RateLimit(5)), transport, pause=LENIENT)

        async def one(number: int) -> None:
            await asyncio.sleep(number / 5)
            try:
                async with asyncio.timeout(2):
                    await dispatcher.submit(make_call(number), wait_while_paused=True)
            except TimeoutError:
                pass

        await asyncio.gather(*(one(number) for number in range(700)))

        assert most_in_a_window(transport.counted) <= 5
        assert transport.counted[-1] > 140

    run()


def test_a_server_fault_is_an_answer() -> None:
    """A call that was answered, however badly, gives its slot back after a window."""

    @virtual_time
    async def run() -> None:
        transport = ScriptedTransport(decide=lambda _: answered(500))
        dispatcher = Dispatcher(make_pabx(rate=RateLimit(2)), transport, pause=LENIENT)
        await submit_all(dispatcher, 20)

        assert now() == pytest.approx(9.5, abs=0.1)

    run()


ONE_PLACE = [
    ("http://pabx.example", "http://PABX.example:80/"),
    ("http://pabx.example:8080/api", "http://pabx.example:8080/api/"),
    ("https://pabx.example", "https://pabx.example:443"),
    ("http://pabx.example:443", "https://pabx.example"),
    ("http://[::1]:8089", "http://[0:0:0:0:0:0:0:1]:8089"),
    ("http://localhost:8089", "http://127.0.0.1:8089"),
    ("http://[::ffff:10.0.0.1]", "http://10.0.0.1"),
]


class TestOneAddress:
    """PABX of several names at one address."""

    @pytest.mark.parametrize(("first", "second"), ONE_PLACE)
    def test_they_share_their_cap(self, first: str, second: str) -> None:
        """The cap of an address holds for all names of it together."""

        @virtual_time
        async def run() -> None:
            transport = StandingTransport(0.0)
            pabx = [
                make_pabx("one", first, rate=RateLimit(5)),
                make_pabx("two", second, rate=RateLimit(5)),
            ]
            await submit_all(Dispatcher(pabx, transport), 40)

            assert most_in_a_window(transport.counted) <= 5
            assert 16 < transport.names.count("one") < 24
            assert now() < 8.5

        run()

    @pytest.mark.parametrize(
        "other", ["http://pabx.example:81", "http://pabx.example/b", "http://b.example"]
    )
    def test_others_have_their_own(self, other: str) -> None:
        """Another port, path or host is another PABX."""

        @virtual_time
        async def run() -> None:
            pabx = [
                make_pabx("one", "http://pabx.example", rate=RateLimit(5)),
                make_pabx("two", other, rate=RateLimit(5)),
            ]
            await submit_all(Dispatcher(pabx, StandingTransport(0.0)), 40)

            assert now() < 4.5

        run()

    def test_the_strictest_cap_holds(self) -> None:
        """Where two caps are given for one address, both hold for either name."""

        @virtual_time
        async def run() -> None:
            transport = StandingTransport(0.0)
            pabx = [
                make_pabx("one", rate=RateLimit(5)),
                make_pabx("two", rate=RateLimit(12, 4.0)),
            ]
            await submit_all(Dispatcher(pabx, transport), 60)

            assert most_in_a_window(transport.counted) <= 5
            assert most_in_a_window(transport.counted, 4.0) <= 12

        run()

    def test_one_without_a_cap_is_held_by_the_other_s(self) -> None:
        """A PABX without a cap is held by the cap that another name has there."""

        @virtual_time
        async def run() -> None:
            transport = StandingTransport(0.0)
            pabx = [make_pabx("one", rate=RateLimit(5)), make_pabx("two")]
            await submit_all(Dispatcher(pabx, transport), 20, pabx="two")

            assert most_in_a_window(transport.counted) <= 5

        run()

    def test_a_slot_that_one_gives_back_wakes_the_other(self) -> None:
        """A call waits no longer for a slot than until any name gives one back."""

        @virtual_time
        async def run() -> None:
            pabx = [
                make_pabx(name, rate=RateLimit(1), timeouts=TimeoutSettings(total=5))
                for name in ("one", "two")
            ]
            transport = ScriptedTransport(latency=3.0)
            dispatcher = Dispatcher(pabx, transport)
            calls = [
                dispatcher.submit(make_call(), pabx=name, wait_while_paused=True)
                for name in ("one", "two", "one", "two")
            ]
            await asyncio.gather(*calls)

            assert transport.times == pytest.approx([0, 4, 8, 12], abs=0.01)

        run()
