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
from digitro_async.dispatch._admission import Lane
from digitro_async.dispatch._pacing import Pacer
from digitro_async.dispatch._policy import BreakerState
from digitro_async.dispatch._repeated_ids import REMEMBERED_IDS
from digitro_async.errors import NotSentError, Outcome, ThrottledError
from digitro_async.protocol import AttemptResult, Verdict

ACCEPTED = AttemptResult(Verdict(Outcome.ACCEPTED))
UNKNOWN = AttemptResult(Verdict(Outcome.UNKNOWN))
UNSENT = AttemptResult(Verdict(Outcome.NOT_SENT, NotSentError, "connect_failed"))


def make_lane(*, pause: PauseSettings | None = None, **settings: Any) -> Lane:
    """Return a lane of a PABX with those settings."""
    return Lane(make_pabx(**settings), RetrySettings(), pause or PauseSettings())


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


def open_breaker(lane: Lane) -> None:
    """Make so many calls unknown that the lane is paused."""
    for _ in range(10):
        assert lane.try_enter(now()) is False
        lane.settle(UNKNOWN, now(), probe=False)

    assert lane.breaker.state is BreakerState.OPEN


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


@virtual_time
async def test_first_come_first_served() -> None:
    """Turns are given in the order in which they were asked for."""
    lane = make_lane(max_in_flight=1)
    order: list[int] = []

    async def one(number: int) -> None:
        await lane.enter(patient=True)
        order.append(number)
        await asyncio.sleep(0.1)
        lane.settle(ACCEPTED, now(), probe=False)

    await asyncio.gather(*(one(number) for number in range(20)))

    assert order == list(range(20))
    assert lane.counters.in_flight == 0


@virtual_time
async def test_nobody_overtakes_a_waiter() -> None:
    """A newcomer does not start at once while others wait."""
    lane = make_lane(rate=per_second(1))
    assert lane.try_enter(now()) is False
    waiting = asyncio.create_task(lane.enter(patient=True))
    lane.settle(UNSENT, now(), probe=False)
    await settled()

    assert lane.try_enter(now() + 100) is None

    await waiting


@virtual_time
async def test_cancelled_waiter_leaves_no_trace() -> None:
    """A waiter that is cancelled gives its place up."""
    lane = make_lane(max_in_flight=1)
    lane.try_enter(now())
    waiting = asyncio.create_task(lane.enter(patient=True))
    await settled()
    waiting.cancel()
    await asyncio.wait([waiting])

    assert lane.snapshot(now()).waiting == 0
    assert lane.counters.in_flight == 1
    assert lane.counters.attempts == 1


@virtual_time
async def test_turn_given_to_a_cancelled_waiter_is_taken_back() -> None:
    """Where the turn comes and the waiter is cancelled at once, nothing is held."""
    lane = make_lane(max_in_flight=1, rate=per_second(1))
    lane.try_enter(now())
    waiting = asyncio.create_task(lane.enter(patient=True))
    await settled()
    await asyncio.sleep(2)
    lane.settle(UNSENT, now(), probe=False)  # the waiter has its turn now
    assert lane.counters.in_flight == 1
    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert lane.counters.in_flight == 0
    assert lane.counters.attempts == 1
    assert isinstance(lane._pacer, Pacer)
    assert lane._pacer._held == 0


@virtual_time
async def test_turn_taken_back_goes_to_the_next() -> None:
    """A turn that a cancelled waiter gives back is the next one's."""
    lane = make_lane(max_in_flight=1)
    lane.try_enter(now())
    first = asyncio.create_task(lane.enter(patient=True))
    second = asyncio.create_task(lane.enter(patient=True))
    await settled()
    lane.settle(ACCEPTED, now(), probe=False)
    first.cancel()

    assert await second is False
    assert lane.counters.in_flight == 1


@virtual_time
async def test_cancelled_probe_that_never_began_can_be_had_again() -> None:
    """A probe's turn that was given back lets another probe go at once."""
    lane = make_lane()
    open_breaker(lane)
    first = asyncio.create_task(lane.enter(patient=True))
    await settled()
    await asyncio.sleep(4.999)
    second = asyncio.create_task(lane.enter(patient=True))
    await settled()
    asyncio.get_running_loop().call_at(5.0, first.cancel)

    assert await second is True
    assert lane.breaker.state is BreakerState.PROBING
    assert lane.counters.in_flight == 1


@virtual_time
async def test_max_wait() -> None:
    """A turn that does not come in time is an error that names the PABX."""
    lane = make_lane(max_in_flight=1)
    lane.try_enter(now())
    with pytest.raises(RateWaitTimeoutError) as caught:
        await lane.enter(patient=True, max_wait=3)

    assert now() == pytest.approx(3)
    assert caught.value.pabx == "one"
    assert caught.value.reason == "rate_wait_timeout"
    assert lane.snapshot(now()).waiting == 0


@virtual_time
async def test_turn_in_time_leaves_no_timer() -> None:
    """A turn that comes in time is not ended by its limit later."""
    lane = make_lane(rate=per_second(1))
    lane.try_enter(now())
    lane.settle(ACCEPTED, now(), probe=False)
    await lane.enter(patient=True, max_wait=1.5)
    await asyncio.sleep(5)

    assert lane.counters.in_flight == 1


@virtual_time
async def test_no_more_than_max_in_flight() -> None:
    """No more turns are given than calls may be on the wire."""
    lane = make_lane(max_in_flight=3)

    assert [lane.try_enter(now()) for _ in range(5)] == [False] * 3 + [None] * 2
    assert lane.load == 1.0


@virtual_time
async def test_impatient_are_turned_away_at_once() -> None:
    """Who will not wait for a pause is told when the lane is paused."""
    lane = make_lane(max_in_flight=1)
    lane.try_enter(now())
    impatient = asyncio.create_task(lane.enter(patient=False))
    patient = asyncio.create_task(lane.enter(patient=True))
    await settled()
    lane.breaker.state, lane.breaker.until = BreakerState.OPEN, 7.0
    lane._pump()
    with pytest.raises(PABXPausedError) as caught:
        await impatient

    assert caught.value.retry_after == pytest.approx(7)
    assert not patient.done()

    lane.settle(UNSENT, now(), probe=False)

    assert await patient is True
    assert now() == pytest.approx(7)


@virtual_time
async def test_hold_turns_everybody_away() -> None:
    """A pause that waits for somebody is not waited for."""
    lane = make_lane(max_in_flight=1)
    lane.try_enter(now())
    waiting = asyncio.create_task(lane.enter(patient=True))
    await settled()
    lane.pause("operator")
    with pytest.raises(PABXPausedError) as caught:
        await waiting

    assert caught.value.retry_after is None
    assert caught.value.reason == "operator"
    assert lane.snapshot(now()).paused == "operator"
    assert lane.snapshot(now()).resumes_in is None


@virtual_time
async def test_wait_for_resume() -> None:
    """With wait_for_resume the patient wait until resume."""
    lane = make_lane(pause=PauseSettings(wait_for_resume=True))
    lane.pause("operator")
    waiting = asyncio.create_task(lane.enter(patient=True))
    await asyncio.sleep(1000)
    assert not waiting.done()
    lane.resume()

    assert await waiting is False


@virtual_time
async def test_drain_tells_the_waiting() -> None:
    """Everybody who waits is told that no call starts any more."""
    lane = make_lane(max_in_flight=1)
    lane.try_enter(now())
    waiting = [asyncio.create_task(lane.enter(patient=True)) for _ in range(3)]
    await settled()
    lane.drain()
    ends = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(end) for end in ends] == [DrainedError] * 3
    assert lane.try_enter(now()) is None
    with pytest.raises(DrainedError):
        await lane.enter(patient=True)


@virtual_time
async def test_one_probe_at_a_time() -> None:
    """While a probe is on the wire nobody else starts."""
    lane = make_lane()
    open_breaker(lane)
    assert lane.try_enter(now()) is None
    await asyncio.sleep(5)

    assert lane.try_enter(now()) is True
    assert lane.try_enter(now()) is None

    waiting = [asyncio.create_task(lane.enter(patient=True)) for _ in range(3)]
    await settled()
    lane.settle(ACCEPTED, now(), probe=True)

    assert await asyncio.gather(*waiting) == [False] * 3
    assert lane.breaker.state is BreakerState.CLOSED


@virtual_time
async def test_late_calls_do_not_end_a_probe() -> None:
    """A call that started before the pause says nothing for the probe."""
    lane = make_lane()
    lane.try_enter(now())
    open_breaker(lane)
    await asyncio.sleep(5)
    assert lane.try_enter(now()) is True
    lane.settle(ACCEPTED, now(), probe=False)

    assert lane.breaker.state is BreakerState.PROBING


@virtual_time
async def test_failed_probes_double_the_pause() -> None:
    """Each failed probe doubles the pause, up to the longest."""
    lane = make_lane()
    open_breaker(lane)
    began = []
    for _ in range(6):
        assert await lane.enter(patient=True) is True
        began.append(now())
        lane.settle(UNKNOWN, now(), probe=True)

    assert began == pytest.approx([5, 15, 35, 75, 135, 195])


@virtual_time
async def test_abandoned_probe_lets_the_next_one_go() -> None:
    """A probe that was cancelled does not leave the lane shut."""
    lane = make_lane()
    open_breaker(lane)
    await asyncio.sleep(5)
    assert lane.try_enter(now()) is True
    waiting = asyncio.create_task(lane.enter(patient=True))
    await settled()
    lane.abandon(now(), sent=True, probe=True)

    assert await waiting is True


@virtual_time
async def test_pause_and_resume_while_a_probe_is_out() -> None:
    """A probe that ends after resume changes nothing."""
    lane = make_lane()
    open_breaker(lane)
    await asyncio.sleep(5)
    lane.try_enter(now())
    lane.pause("operator")
    lane.resume()
    lane.settle(UNKNOWN, now(), probe=True)

    assert lane.breaker.state is BreakerState.CLOSED
    assert lane.try_enter(now()) is False


@virtual_time
async def test_throttle_holds_the_whole_lane_back() -> None:
    """A Retry-After of one call is waited for by all."""
    lane = make_lane()
    lane.try_enter(now())
    verdict = Verdict(Outcome.REFUSED, ThrottledError, "throttled")
    lane.settle(AttemptResult(verdict, retry_after=30.0), now(), probe=False)

    assert lane.snapshot(now()).paused == "throttled"
    assert lane.snapshot(now()).resumes_in == pytest.approx(30)

    await lane.enter(patient=False)

    assert now() == pytest.approx(30)


@virtual_time
async def test_retry_after_is_capped() -> None:
    """No Retry-After is longer than the settings allow."""
    lane = make_lane()
    lane.try_enter(now())
    verdict = Verdict(Outcome.REFUSED, ThrottledError, "throttled")
    lane.settle(AttemptResult(verdict, retry_after=1e9), now(), probe=False)

    assert lane.snapshot(now()).resumes_in == pytest.approx(300)


@virtual_time
async def test_slot_of_an_unsent_call_is_free_at_once() -> None:
    """A call that never left costs none of the cap."""
    lane = make_lane(rate=per_second(1))
    for _ in range(3):
        await lane.enter(patient=True)
        lane.settle(UNSENT, now(), probe=False)

    assert now() == pytest.approx(2, abs=0.05)


def test_pause_and_resume_need_no_loop() -> None:
    """Pause and resume can be called where no loop runs, while nobody waits."""
    lane = make_lane()
    lane.pause("operator")
    lane.resume()
    lane.drain()

    assert lane.is_draining


def test_repeated_ids_are_remembered() -> None:
    """A call id is known as repeated for at least one generation."""
    lane = make_lane()
    for number in range(REMEMBERED_IDS * 3):
        assert not lane.is_repeated(str(number))

    assert lane.is_repeated(str(REMEMBERED_IDS * 3 - 1))
    assert lane.is_repeated(str(REMEMBERED_IDS * 2))
    assert not lane.is_repeated("0")
    known: Any = lane.is_repeated
    kept = known.__self__
    assert len(kept._ids) + len(kept._older_ids) <= 2 * REMEMBERED_IDS


@virtual_time
async def test_waiting_for_an_answer_sets_no_timer() -> None:
    """Where only an answer can help, no timer runs."""
    lane = make_lane(max_in_flight=1)
    lane.try_enter(now())
    waiting = asyncio.create_task(lane.enter(patient=True))
    await settled()

    assert lane._earliest(now()) == math.inf
    assert lane._timer is None

    waiting.cancel()
    await asyncio.wait([waiting])
