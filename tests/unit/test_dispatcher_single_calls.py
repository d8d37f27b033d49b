"""Single calls beside lists: who takes the next turn."""

import asyncio
import itertools
import random
from collections.abc import Iterator

import attrs
import pytest
from dispatch_scene import is_clean, make_dispatcher
from helpers import (
    NOT_SENT,
    Attempt,
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
    CallResult,
    Dispatcher,
    DispatchItem,
    DrainedError,
    Outcome,
    RateLimit,
    RateWaitTimeoutError,
)
from digitro_async.dispatch import DispatchResults
from digitro_async.dispatch._waiters import TURNS_OF_LISTS, TurnShare, Waiter, Waiting

SPACING = 0.02
SINGLE = 10**6
"""The number of the first single call; those of lists are lower."""


def listed(pabx: str | None = None) -> Iterator[DispatchItem]:
    """Yield calls of a list without an end."""
    for number in range(SINGLE):
        yield DispatchItem(call=make_call(number), pabx=pabx)


class Lists:
    """Runs lists, and drains them at the end.

    Args:
        dispatcher: The dispatcher.
        lists: The lists.
        beyond: Calls that wait for a turn before the block is entered.
    """

    def __init__(
        self, dispatcher: Dispatcher, *lists: Iterator[DispatchItem], beyond: int = 0
    ) -> None:
        self._dispatcher, self._lists, self._beyond = dispatcher, lists, beyond
        self._tasks: list[asyncio.Task[None]] = []
        self._streams: list[DispatchResults] = []

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(self._take(one)) for one in self._lists]
        while self.waiting < self._beyond:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(SPACING)

    async def __aexit__(self, *_: object) -> None:
        for stream in self._streams:
            stream.drain()
        await asyncio.gather(*self._tasks)
        assert is_clean(self._dispatcher)

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return sum(one.waiting for one in self._dispatcher.statistics().pabx.values())

    async def _take(self, calls: Iterator[DispatchItem]) -> None:
        stream = self._dispatcher.stream(calls)
        self._streams.append(stream)
        try:
            async with stream as results:
                async for _ in results:
                    pass
        except DrainedError:
            pass


async def single(
    dispatcher: Dispatcher, number: int = 0, pabx: str | None = None
) -> CallResult:
    """Make a single call."""
    return await dispatcher.submit(make_call(SINGLE + number), pabx=pabx)


def is_single(attempt: Attempt) -> bool:
    """Whether an attempt was that of a single call."""
    return int(attempt.destination) >= int(make_call(SINGLE).destination.reveal())


@virtual_time
async def test_a_single_call_waits_two_spacings_at_most() -> None:
    """At 50/s, beside a list of which 100 calls wait, it takes the next turn or so."""
    pabx = make_pabx(rate=per_second(50), max_in_flight=101)
    dispatcher = make_dispatcher(ScriptedTransport(latency=0.02), pabx)
    chance, waits = random.Random(3), []
    async with Lists(dispatcher, listed(), beyond=99):
        for number in range(300):
            await asyncio.sleep(chance.uniform(0, 0.1))
            waits.append((await single(dispatcher, number)).timings.waited)

    assert max(waits) <= 2 * SPACING
    assert sum(waits) / len(waits) <= SPACING


@virtual_time
async def test_lists_keep_their_share() -> None:
    """However many single calls wait, a list has one turn of four, no fewer."""
    transport = ScriptedTransport(latency=0.02)
    pabx = make_pabx(rate=per_second(50), max_in_flight=50)
    dispatcher = make_dispatcher(transport, pabx)
    async with Lists(dispatcher, listed(), beyond=49):
        began = len(transport.attempts)
        calls = [single(dispatcher, number) for number in range(150)]
        await asyncio.gather(*calls)
    kinds = [is_single(one) for one in transport.attempts[began:]]
    turns = kinds[: len(kinds) - kinds[::-1].index(True)]

    assert turns.count(True) == 150
    assert 49 <= turns.count(False) <= 51
    for four in zip(turns, turns[1:], turns[2:], turns[3:], strict=False):
        assert not all(four)


@virtual_time
async def test_first_come_first_served() -> None:
    """Single calls among themselves start in the order in which they came."""
    transport = ScriptedTransport(latency=0.02)
    pabx = make_pabx(rate=per_second(50), max_in_flight=20)
    dispatcher = make_dispatcher(transport, pabx)
    async with Lists(dispatcher, listed(), beyond=19):
        await asyncio.gather(*(single(dispatcher, number) for number in range(50)))
    for kind in (True, False):
        came = [one.destination for one in transport.attempts if is_single(one) is kind]
        assert came == sorted(came, key=int)


@virtual_time
async def test_a_freed_place_is_a_single_calls() -> None:
    """Where a list holds every place, the first that is free is the single call's."""
    transport = ScriptedTransport(latency=lambda: chance.uniform(0.9, 1.1))
    chance = random.Random(5)
    dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=10))
    async with Lists(dispatcher, listed(), listed(), beyond=10):
        for number in range(20):
            answers = len(transport.ended)
            task = asyncio.create_task(single(dispatcher, number))
            while len(transport.ended) == answers:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.001)
            assert is_single(transport.attempts[-1])
            await task


@virtual_time
async def test_names_of_one_address() -> None:
    """A single call goes before lists at other names of its address, too."""
    several = [
        make_pabx(name, rate=per_second(50), max_in_flight=20) for name in "abcde"
    ]
    transport = ScriptedTransport(latency=0.02)
    dispatcher = make_dispatcher(transport, several)
    chance, waits = random.Random(7), []
    async with Lists(dispatcher, *map(listed, "abcd"), beyond=78):
        for number in range(200):
            await asyncio.sleep(chance.uniform(0, 0.1))
            waits.append((await single(dispatcher, number, "e")).timings.waited)
        began = len(transport.attempts)
        calls = [single(dispatcher, number, "e") for number in range(60)]
        await asyncio.gather(*calls)
    turns = [is_single(one) for one in transport.attempts[began:][:80]]

    assert max(waits) <= 2 * SPACING + 0.001  # names of one address yield a little
    assert 59 <= turns.count(True) <= 61


@virtual_time
async def test_several_addresses() -> None:
    """A single call for any PABX waits no longer than at the one that it goes to."""
    several = [
        make_pabx(f"p{n}", f"http://127.0.0.{n}:1", rate=per_second(50))
        for n in range(1, 4)
    ]
    dispatcher = make_dispatcher(ScriptedTransport(latency=0.02), several)
    chance, waits = random.Random(7), []
    async with Lists(dispatcher, listed(), listed("p1"), beyond=300):
        for number in range(200):
            await asyncio.sleep(chance.uniform(0, 0.1))
            waits.append((await single(dispatcher, number)).timings.waited)

    assert max(waits) <= 2 * SPACING


@virtual_time
async def test_retries_wait_with_their_own_kind() -> None:
    """A call of a list that is made again waits with its list, however often."""
    pabx = make_pabx(rate=per_second(50), max_in_flight=50)
    transport = ScriptedTransport(
        latency=0.01,
        decide=lambda one: None if is_single(one) or one.number % 3 else NOT_SENT,
    )
    dispatcher = make_dispatcher(transport, pabx)
    chance, waits = random.Random(7), []
    async with Lists(dispatcher, listed(), beyond=49):
        for number in range(100):
            await asyncio.sleep(chance.uniform(0, 0.1))
            waits.append((await single(dispatcher, number)).timings.waited)

    assert max(waits) <= 2 * SPACING


@virtual_time
async def test_after_a_throttle() -> None:
    """When the time that a PABX asked for is over, single calls go first."""
    throttled = answered(429, "3")
    transport = ScriptedTransport(
        latency=0.01, decide=lambda one: throttled if one.number == 100 else None
    )
    pabx = make_pabx(rate=per_second(50), max_in_flight=50)
    dispatcher = make_dispatcher(transport, pabx)
    async with Lists(dispatcher, listed(), beyond=49):
        while len(transport.attempts) < 100:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(SPACING)
        await asyncio.gather(*(single(dispatcher, number) for number in range(4)))
        after = transport.attempts[100:105]

    assert after[0].at - transport.attempts[99].at >= 3
    assert [is_single(one) for one in after] == [True, True, True, False, True]


@virtual_time
async def test_single_calls_that_give_up() -> None:
    """One that is cancelled, or whose time is over, leaves its turn to the next."""
    transport = ScriptedTransport(latency=0.01)
    pabx = make_pabx(rate=RateLimit(1, 1.0), max_in_flight=9)
    dispatcher = make_dispatcher(transport, pabx)
    async with Lists(dispatcher, listed(), beyond=8):
        calls = [
            asyncio.create_task(
                dispatcher.submit(
                    make_call(SINGLE + number), max_wait=0.1 if number < 2 else None
                )
            )
            for number in range(4)
        ]
        await asyncio.sleep(0.01)
        calls[2].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        starts = [one for one in transport.attempts if is_single(one)]

    assert isinstance(results[0], CallResult)
    assert isinstance(results[0].error, RateWaitTimeoutError)
    assert isinstance(results[2], asyncio.CancelledError)
    assert isinstance(results[3], CallResult)
    assert results[3].outcome is Outcome.ACCEPTED
    assert len(starts) == 1


@virtual_time
async def test_drain_ends_all_who_wait() -> None:
    """No call of either kind is left when a dispatcher is drained."""
    pabx = make_pabx(rate=RateLimit(1, 1.0), max_in_flight=9)
    dispatcher = make_dispatcher(ScriptedTransport(latency=0.01), pabx)
    async with Lists(dispatcher, listed(), beyond=8):
        calls = [asyncio.create_task(single(dispatcher, n)) for n in range(4)]
        await asyncio.sleep(0.01)
        await dispatcher.drain()
        results = await asyncio.gather(*calls)

    assert {type(one.error) for one in results} == {DrainedError}


@pytest.mark.parametrize("seed", range(20))
def test_the_cap_is_kept(seed: int) -> None:
    """Whoever takes the turns, no window holds more than the cap."""
    chance = random.Random(seed)
    cap = RateLimit(chance.choice([1, 2, 5, 20]), chance.choice([0.5, 1.0]))
    names = "abc"[: chance.randint(1, 3)]
    transport = ScriptedTransport(latency=lambda: chance.choice([0.01, 0.3, 2.0]))

    @virtual_time
    async def run() -> None:
        several = [make_pabx(name, rate=cap, max_in_flight=20) for name in names]
        dispatcher = make_dispatcher(transport, several)
        async with Lists(dispatcher, *(listed(name) for name in names)):
            calls = []
            for number in range(60):
                name = chance.choice(names)
                calls.append(asyncio.create_task(single(dispatcher, number, name)))
                await asyncio.sleep(chance.choice([0, 0.01, cap.per / cap.calls]))
            await asyncio.gather(*calls)

    run()
    times = transport.times
    for one, other in itertools.pairwise(range(len(times) - cap.calls)):
        assert times[one + cap.calls] - times[one] >= cap.per - 1e-9, other


@attrs.define
class Turn:
    """Who took a turn, and whether a list's call waited then."""

    is_listed: bool
    list_waited: bool


@given(st.lists(st.sampled_from(["single", "listed", "serve"]), max_size=200))
def test_shares(events: list[str]) -> None:
    """Whoever comes when: the next turn is a single call's, but for the lists' share.

    No list waits longer than for three single calls, and no single call longer than
    for one of a list.
    """
    loop = asyncio.new_event_loop()
    waiting, share, turns = Waiting(), TurnShare(), list[Turn]()
    try:
        for event in [*events, *["serve"] * len(events)]:
            if event != "serve":
                is_listed = event == "listed"
                waiting.join(
                    Waiter(
                        loop.create_future(),
                        wait_while_paused=True,
                        is_listed=is_listed,
                    )
                )
                continue
            waiter = waiting.first(is_lists_turn=share.is_lists_turn)
            if waiter is None:
                continue
            single_waits = waiting.first_of(False) is not None
            list_waits = waiting.first_of(True) is not None
            waiting.serve(waiter, None)
            share.note_turn(is_listed=waiter.is_listed, list_waits=list_waits)
            turns.append(Turn(waiter.is_listed, list_waits))
            if waiter.is_listed and single_waits:
                assert len(turns) >= TURNS_OF_LISTS
                assert not any(one.is_listed for one in turns[-TURNS_OF_LISTS:-1])
    finally:
        loop.close()
    run = 0
    for turn in turns:
        run = run + 1 if turn.list_waited and not turn.is_listed else 0
        assert run < TURNS_OF_LISTS
    assert waiting.count == 0
