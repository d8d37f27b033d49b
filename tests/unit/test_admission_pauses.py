import asyncio

import pytest
from admission_scene import (
    ACCEPTED,
    UNKNOWN,
    UNSENT,
    make_admission,
    now,
    open_breaker,
    settled,
    start,
)
from virtual_time import virtual_time

from digitro_async import PABXPausedError, PauseSettings
from digitro_async.dispatch._breaker import BreakerState
from digitro_async.errors import Outcome, ThrottledError
from digitro_async.protocol import AttemptResult, Classification


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


def test_pause_and_resume_need_no_loop() -> None:
    """Pause and resume can be called where no loop runs, while nobody waits."""
    admission = make_admission()
    admission.pause("operator")
    admission.resume()
    admission.drain()

    assert admission.is_draining
