import asyncio
import math
from typing import Any

import pytest
from admission_scene import ACCEPTED, UNSENT, make_admission, now, settled, start
from helpers import per_second
from virtual_time import virtual_time

from digitro_async import DrainedError, RateWaitTimeoutError
from digitro_async.dispatch._pacing import Pacer
from digitro_async.dispatch._repeated_ids import REMEMBERED_IDS


@virtual_time
async def test_first_come_first_served() -> None:
    """Turns are given in the order in which they were asked for."""
    admission = make_admission(max_in_flight=1)
    order: list[int] = []

    async def one(number: int) -> None:
        ticket = await admission.acquire(wait_while_paused=True)
        order.append(number)
        await asyncio.sleep(0.1)
        ticket.release(ACCEPTED, now())

    await asyncio.gather(*(one(number) for number in range(20)))

    assert order == list(range(20))
    assert admission.standing.counters.in_flight == 0


@virtual_time
async def test_nobody_overtakes_a_waiter() -> None:
    """A newcomer does not start at once while others wait."""
    admission = make_admission(rate=per_second(1))
    ticket = start(admission)
    assert not ticket.is_probe
    waiting = asyncio.create_task(admission.acquire(wait_while_paused=True))
    ticket.release(UNSENT, now())
    await settled()

    assert admission.acquire_nowait(now() + 100) is None

    await waiting


@virtual_time
async def test_cancelled_waiter_leaves_no_trace() -> None:
    """A waiter that is cancelled gives its place up."""
    admission = make_admission(max_in_flight=1)
    start(admission)
    waiting = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    waiting.cancel()
    await asyncio.wait([waiting])

    assert admission.snapshot(now()).waiting == 0
    assert admission.standing.counters.in_flight == 1
    assert admission.standing.counters.attempts == 1


@virtual_time
async def test_turn_given_to_a_cancelled_waiter_is_taken_back() -> None:
    """Where the turn comes and the waiter is cancelled at once, nothing is held."""
    admission = make_admission(max_in_flight=1, rate=per_second(1))
    ticket = start(admission)
    waiting = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    await asyncio.sleep(2)
    ticket.release(UNSENT, now())  # the waiter has its turn now
    assert admission.standing.counters.in_flight == 1
    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert admission.standing.counters.in_flight == 0
    assert admission.standing.counters.attempts == 1
    assert isinstance(admission.standing.pacer, Pacer)
    assert admission.standing.pacer._held == 0


@virtual_time
async def test_turn_taken_back_goes_to_the_next() -> None:
    """A turn that a cancelled waiter gives back is the next one's."""
    admission = make_admission(max_in_flight=1)
    ticket = start(admission)
    first = asyncio.create_task(admission.acquire(wait_while_paused=True))
    second = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    ticket.release(ACCEPTED, now())
    first.cancel()

    assert not (await second).is_probe
    assert admission.standing.counters.in_flight == 1


@virtual_time
async def test_max_wait() -> None:
    """A turn that does not come in time is an error that names the PABX."""
    admission = make_admission(max_in_flight=1)
    start(admission)
    with pytest.raises(RateWaitTimeoutError) as caught:
        await admission.acquire(wait_while_paused=True, max_wait=3)

    assert now() == pytest.approx(3)
    assert caught.value.pabx == "one"
    assert caught.value.reason == "rate_wait_timeout"
    assert admission.snapshot(now()).waiting == 0


@virtual_time
async def test_turn_in_time_leaves_no_timer() -> None:
    """A turn that comes in time is not ended by its limit later."""
    admission = make_admission(rate=per_second(1))
    ticket = start(admission)
    ticket.release(ACCEPTED, now())
    await admission.acquire(wait_while_paused=True, max_wait=1.5)
    await asyncio.sleep(5)

    assert admission.standing.counters.in_flight == 1


@virtual_time
async def test_no_more_than_max_in_flight() -> None:
    """No more turns are given than calls may be on the wire."""
    admission = make_admission(max_in_flight=3)

    tickets = [admission.acquire_nowait(now()) for _ in range(5)]

    assert [ticket is None for ticket in tickets] == [False] * 3 + [True] * 2
    assert admission.load == 1.0


@virtual_time
async def test_drain_tells_the_waiting() -> None:
    """Everybody who waits is told that no call starts any more."""
    admission = make_admission(max_in_flight=1)
    start(admission)
    waiting = [
        asyncio.create_task(admission.acquire(wait_while_paused=True)) for _ in range(3)
    ]
    await settled()
    admission.drain()
    ends = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(end) for end in ends] == [DrainedError] * 3
    assert admission.acquire_nowait(now()) is None
    with pytest.raises(DrainedError):
        await admission.acquire(wait_while_paused=True)


@virtual_time
async def test_slot_of_an_unsent_call_is_free_at_once() -> None:
    """A call that never left costs none of the cap."""
    admission = make_admission(rate=per_second(1))
    for _ in range(3):
        ticket = await admission.acquire(wait_while_paused=True)
        ticket.release(UNSENT, now())

    assert now() == pytest.approx(2, abs=0.05)


def test_repeated_ids_are_remembered() -> None:
    """A call id is known as repeated for at least one generation."""
    admission = make_admission()
    for number in range(REMEMBERED_IDS * 3):
        assert not admission.standing.is_repeated(str(number))

    assert admission.standing.is_repeated(str(REMEMBERED_IDS * 3 - 1))
    assert admission.standing.is_repeated(str(REMEMBERED_IDS * 2))
    assert not admission.standing.is_repeated("0")
    known: Any = admission.standing.is_repeated
    kept = known.__self__
    assert len(kept._ids) + len(kept._older_ids) <= 2 * REMEMBERED_IDS


@virtual_time
async def test_waiting_for_an_answer_sets_no_timer() -> None:
    """Where only an answer can help, no timer runs."""
    admission = make_admission(max_in_flight=1)
    start(admission)
    waiting = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()

    assert admission.standing.earliest(now()) == math.inf
    assert admission._turns.timer is None

    waiting.cancel()
    await asyncio.wait([waiting])
