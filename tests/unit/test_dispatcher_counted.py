"""Calls to a PABX that is known to count a call soon after it was sent."""

import asyncio
import itertools
import random

import pytest
from dispatch_scene import is_clean, make_dispatcher, now
from helpers import LOST, NOT_SENT, ScriptedTransport, accepted, make_call, make_pabx
from virtual_time import virtual_time

from digitro_async import PABX, Dispatcher, DispatchItem, PauseSettings, RateLimit
from digitro_async.dispatch._noted_evidence import NotedEvidence
from digitro_async.protocol import Evidence, Observation, Request

ROUNDING = 1e-6
NUMBERS = itertools.count(1)
NEVER = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)


class Wire:
    """Connects, sends, counts within a time of the sending, and answers or does not.

    What was given up before a call was started that it answers, it has read by then.

    Args:
        chance: Draws all times.
        slow: Longest seconds of each step.
        within: Seconds in which a call is counted.
    """

    def __init__(self, chance: random.Random, slow: float, within: float) -> None:
        self.counted: list[float] = []
        self._chance, self._slow, self._within = chance, slow, within
        self._given_up: list[tuple[float, asyncio.TimerHandle]] = []

    async def exchange(self, _: PABX, __: Request, evidence: Evidence) -> Observation:
        """Make one attempt."""
        chance, loop = self._chance, asyncio.get_running_loop()
        started = now()
        await asyncio.sleep(chance.choice([0.0, chance.random() * self._slow]))
        if chance.random() < 0.1:
            return NOT_SENT
        evidence.request_started = True
        until_counted = self._within * chance.choice([0.0, 1.0, chance.random()])
        latency = chance.choice([0.0, chance.random() * self._slow, until_counted])
        is_answered = chance.random() < 0.9
        if is_answered:  # a call that is answered was counted before
            until_counted = min(until_counted, latency)
        handle = loop.call_later(until_counted, self.count)
        try:
            await asyncio.sleep(latency)
        except BaseException:
            self._given_up.append((now(), handle))
            raise
        if not is_answered:
            self._given_up.append((now(), handle))
            return LOST
        self.read(started)
        return accepted(next(NUMBERS))

    def count(self) -> None:
        """Count a call."""
        self.counted.append(now())

    def read(self, started: float) -> None:
        """Count what was given up before a call was started."""
        for at, handle in self._given_up:
            if at < started and handle.when() > now() and not handle.cancelled():
                handle.cancel()
                self.count()


def most_in_a_window(counted: list[float], per: float) -> int:
    """Return the most calls in any window, whose end is not part of it."""
    counted = sorted(counted)
    return max(
        sum(one <= other < one + per - ROUNDING for other in counted) for one in counted
    )


def names(chance: random.Random, limits: list[RateLimit]) -> list[PABX]:
    """Return PABX at one address, one for each cap."""
    return [
        make_pabx(f"pabx{n}", rate=one, max_in_flight=chance.choice([1, 5, 50]))
        for n, one in enumerate(limits)
    ]


@pytest.mark.parametrize("seed", range(60))
def test_no_window_holds_more_than_the_cap(seed: int) -> None:
    """Whenever the PABX counts a call within the time, no window is over the cap."""
    chance = random.Random(seed)
    within = chance.choice([0.05, 0.5, 2.0])
    cap = RateLimit(
        chance.choice([1, 2, 3, 7, 20]),
        chance.choice([0.5, 1.0, 3.0]),
        counted_within=within,
    )
    # A second name for the PABX, with the same cap or a laxer one, or none.
    laxer = RateLimit(cap.calls + 3, cap.per, counted_within=within / 2)
    others = chance.choice([[], [cap], [laxer], [laxer, cap]])
    wire = Wire(chance, chance.choice([0.01, 0.3, 2.0]), within)

    @virtual_time
    async def run() -> None:
        several = names(chance, [cap, *others])
        dispatcher = make_dispatcher(wire, several, pause=NEVER)
        tasks = []
        for number in range(120):
            name = chance.choice([None, *(one.name for one in several)])
            call = dispatcher.submit(
                make_call(number), pabx=name, wait_while_paused=True
            )
            tasks.append(asyncio.create_task(call))
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random())
            if chance.random() < 0.1:
                chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(within)

        assert is_clean(dispatcher)

    run()

    assert most_in_a_window(wire.counted, cap.per) <= cap.calls


async def lasted(dispatcher: Dispatcher, calls: int) -> float:
    """Return the seconds until that many listed calls are answered."""
    items = [DispatchItem(call=make_call(number)) for number in range(calls)]
    async with dispatcher.stream(items) as results:
        async for _ in results:
            pass
    return now()


@virtual_time
async def test_a_list_at_slow_answers_goes_faster() -> None:
    """At 2 s latency and 50/s a list goes at 45/s where calls are counted in 0.1 s."""
    cap = RateLimit(50, counted_within=0.1)
    pabx = make_pabx(rate=cap, max_in_flight=200)
    dispatcher = make_dispatcher(ScriptedTransport(latency=2.0), pabx)

    assert await lasted(dispatcher, 450) == pytest.approx(
        450 / (50 / 1.1) + 2, rel=0.05
    )


@virtual_time
async def test_the_most_careful_of_one_address_holds() -> None:
    """Where another PABX at the address knows nothing, slots are kept as it does."""
    careful = make_pabx("careful", rate=RateLimit(50), max_in_flight=200)
    knows = make_pabx(
        "knows", rate=RateLimit(50, counted_within=0.1), max_in_flight=200
    )
    transport = ScriptedTransport(latency=2.0)
    dispatcher = make_dispatcher(transport, [careful, knows])

    assert await lasted(dispatcher, 150) == pytest.approx(150 / (50 / 3) + 2, rel=0.2)


@virtual_time
async def test_calls_that_nobody_answers_free_their_slots_in_time() -> None:
    """A call that is lost keeps its slot until it must have been counted, and W."""
    pabx = make_pabx(rate=RateLimit(1, counted_within=0.5))
    transport = ScriptedTransport([LOST, LOST, LOST], latency=0.1)
    dispatcher = make_dispatcher(transport, pabx, pause=NEVER)
    for number in range(4):
        await dispatcher.submit(make_call(number))

    assert transport.times == pytest.approx([0.0, 1.5, 3.0, 4.5])


@virtual_time
async def test_a_pabx_that_counts_later_is_the_users_word() -> None:
    """Where a PABX counts calls later than was said, the cap is not kept there."""
    chance = random.Random(1)
    wire = Wire(chance, 3.0, within=3.0)
    pabx = make_pabx(rate=RateLimit(5, counted_within=0.1), max_in_flight=200)
    await lasted(make_dispatcher(wire, pabx, pause=NEVER), 100)

    assert most_in_a_window(wire.counted, 1.0) > 5


async def test_the_sending_is_noted_when_the_write_is_over() -> None:
    """Not before the loop's next turn: the process may stand still before the write."""
    noted: list[bool] = []
    evidence = NotedEvidence(lambda: noted.append(evidence.request_started))
    evidence.request_started = False
    await asyncio.sleep(0)
    assert not noted

    evidence.request_started = True
    evidence.request_started = True
    assert not noted

    await asyncio.sleep(0)
    assert noted == [True]
