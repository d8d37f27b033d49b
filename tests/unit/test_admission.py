import asyncio
import math
from typing import Any

import pytest
from helpers import make_pabx, per_second
from virtual_time import virtual_time

from digitro_async import (
    DrainedError,
    PABXPausedError,
    PauseSettings,
    RateWaitTimeoutError,
    RetrySettings,
)
from digitro_async.dispatch._admission import Admission, Ticket
from digitro_async.dispatch._breaker import BreakerState
from digitro_async.dispatch._pacing import Pacer
from digitro_async.dispatch._repeated_ids import REMEMBERED_IDS
from digitro_async.errors import NotSentError, Outcome, ThrottledError
from digitro_async.protocol import AttemptResult, Classification

ACCEPTED = AttemptResult(Classification(Outcome.ACCEPTED))
UNKNOWN = AttemptResult(Classification(Outcome.UNKNOWN))
UNSENT = AttemptResult(Classification(Outcome.NOT_SENT, NotSentError, "connect_failed"))


def make_admission(*, pause: PauseSettings | None = None, **settings: Any) -> Admission:
    """Return an admission of a PABX with those settings."""
    return Admission(make_pabx(**settings), RetrySettings(), pause or PauseSettings())


def start(admission: Admission) -> Ticket:
    """Start a call whose turn is now."""
    ticket = admission.acquire_nowait(now())
    assert ticket is not None
    return ticket


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


def open_breaker(admission: Admission) -> None:
    """Make so many calls unknown that the admission is paused."""
    for _ in range(10):
        ticket = start(admission)
        assert not ticket.is_probe
        ticket.release(UNKNOWN, now())

    assert admission.standing.breaker.state is BreakerState.OPEN


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


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
async def test_cancelled_probe_that_never_began_can_be_had_again() -> None:
    """A probe's turn that was given back lets another probe go at once."""
    admission = make_admission()
    open_breaker(admission)
    first = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    await asyncio.sleep(4.999)
    second = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    asyncio.get_running_loop().call_at(5.0, first.cancel)

    assert (await second).is_probe
    assert admission.standing.breaker.state is BreakerState.PROBING
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
async def test_impatient_are_turned_away_at_once() -> None:
    """Who will not wait for a pause is told when the admission is paused."""
    admission = make_admission(max_in_flight=1)
    ticket = start(admission)
    impatient = asyncio.create_task(admission.acquire(wait_while_paused=False))
    patient = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    admission.standing.breaker.state, admission.standing.breaker.until = (
        BreakerState.OPEN,
        7.0,
    )
    admission._admit_waiters()
    with pytest.raises(PABXPausedError) as caught:
        await impatient

    assert caught.value.retry_after == pytest.approx(7)
    assert not patient.done()

    ticket.release(UNSENT, now())

    assert (await patient).is_probe
    assert now() == pytest.approx(7)


@virtual_time
async def test_hold_turns_everybody_away() -> None:
    """A pause that waits for somebody is not waited for."""
    admission = make_admission(max_in_flight=1)
    start(admission)
    waiting = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    admission.pause("operator")
    with pytest.raises(PABXPausedError) as caught:
        await waiting

    assert caught.value.retry_after is None
    assert caught.value.reason == "operator"
    assert admission.snapshot(now()).paused == "operator"
    assert admission.snapshot(now()).resumes_in is None


@virtual_time
async def test_wait_for_resume() -> None:
    """With wait_for_resume the patient wait until resume."""
    admission = make_admission(pause=PauseSettings(wait_for_resume=True))
    admission.pause("operator")
    waiting = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await asyncio.sleep(1000)
    assert not waiting.done()
    admission.resume()

    assert not (await waiting).is_probe


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
async def test_one_probe_at_a_time() -> None:
    """While a probe is on the wire nobody else starts."""
    admission = make_admission()
    open_breaker(admission)
    assert admission.acquire_nowait(now()) is None
    await asyncio.sleep(5)

    ticket = start(admission)
    assert ticket.is_probe
    assert admission.acquire_nowait(now()) is None

    waiting = [
        asyncio.create_task(admission.acquire(wait_while_paused=True)) for _ in range(3)
    ]
    await settled()
    ticket.release(ACCEPTED, now())

    assert not any(one.is_probe for one in await asyncio.gather(*waiting))
    assert admission.standing.breaker.state is BreakerState.CLOSED


@virtual_time
async def test_late_calls_do_not_end_a_probe() -> None:
    """A call that started before the pause says nothing for the probe."""
    admission = make_admission()
    late = start(admission)
    open_breaker(admission)
    await asyncio.sleep(5)
    assert start(admission).is_probe
    late.release(ACCEPTED, now())

    assert admission.standing.breaker.state is BreakerState.PROBING


@virtual_time
async def test_failed_probes_double_the_pause() -> None:
    """Each failed probe doubles the pause, up to the longest."""
    admission = make_admission()
    open_breaker(admission)
    began = []
    for _ in range(6):
        ticket = await admission.acquire(wait_while_paused=True)
        assert ticket.is_probe
        began.append(now())
        ticket.release(UNKNOWN, now())

    assert began == pytest.approx([5, 15, 35, 75, 135, 195])


@virtual_time
async def test_abandoned_probe_lets_the_next_one_go() -> None:
    """A probe that was cancelled does not leave the admission shut."""
    admission = make_admission()
    open_breaker(admission)
    await asyncio.sleep(5)
    ticket = start(admission)
    assert ticket.is_probe
    waiting = asyncio.create_task(admission.acquire(wait_while_paused=True))
    await settled()
    ticket.cancel(now(), sent=True)

    assert (await waiting).is_probe


@virtual_time
async def test_pause_and_resume_while_a_probe_is_out() -> None:
    """A probe that ends after resume changes nothing."""
    admission = make_admission()
    open_breaker(admission)
    await asyncio.sleep(5)
    ticket = start(admission)
    admission.pause("operator")
    admission.resume()
    ticket.release(UNKNOWN, now())

    assert admission.standing.breaker.state is BreakerState.CLOSED
    ticket = start(admission)
    assert not ticket.is_probe


@virtual_time
async def test_throttle_holds_the_whole_admission_back() -> None:
    """A Retry-After of one call is waited for by all."""
    admission = make_admission()
    ticket = start(admission)
    classification = Classification(Outcome.REFUSED, ThrottledError, "throttled")
    ticket.release(AttemptResult(classification, retry_after=30.0), now())

    assert admission.snapshot(now()).paused == "throttled"
    assert admission.snapshot(now()).resumes_in == pytest.approx(30)

    await admission.acquire(wait_while_paused=False)

    assert now() == pytest.approx(30)


@virtual_time
async def test_retry_after_is_capped() -> None:
    """No Retry-After is longer than the settings allow."""
    admission = make_admission()
    ticket = start(admission)
    classification = Classification(Outcome.REFUSED, ThrottledError, "throttled")
    ticket.release(AttemptResult(classification, retry_after=1e9), now())

    assert admission.snapshot(now()).resumes_in == pytest.approx(300)


@virtual_time
async def test_slot_of_an_unsent_call_is_free_at_once() -> None:
    """A call that never left costs none of the cap."""
    admission = make_admission(rate=per_second(1))
    for _ in range(3):
        ticket = await admission.acquire(wait_while_paused=True)
        ticket.release(UNSENT, now())

    assert now() == pytest.approx(2, abs=0.05)


def test_pause_and_resume_need_no_loop() -> None:
    """Pause and resume can be called where no loop runs, while nobody waits."""
    admission = make_admission()
    admission.pause("operator")
    admission.resume()
    admission.drain()

    assert admission.is_draining


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
    assert admission._timer is None

    waiting.cancel()
    await asyncio.wait([waiting])
