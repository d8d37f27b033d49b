"""The cap on simultaneous calls: never exceeded, and no place of it is ever lost."""

import asyncio
import random

import pytest
from dispatch_scene import is_clean, make_dispatcher, now, submit_all
from helpers import make_call, per_second
from scripted_events import Course, ScriptedPABX, event_settings, pabx_with_events
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    CallEndSettings,
    CallPhase,
    CallResult,
    DispatchItem,
    Disposition,
    EndEvidence,
    Limit,
    Outcome,
    RateWaitTimeoutError,
)

CAP = 25


@virtual_time
async def test_never_more_at_once() -> None:
    """So many calls are in progress and no more, by the PABX's own count."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(
        make_dispatcher(scripted, pabx_with_events(max_in_progress=CAP))
    )
    await submit_all(dispatcher, 100)

    assert scripted.most_in_progress == CAP
    assert now() == pytest.approx(3 * 9.0 + 0.1)  # as soon as places are free
    await dispatcher.wait_for_ends()
    assert dispatcher.statistics().pabx["one"].in_progress == 0
    assert is_clean(dispatcher)


@virtual_time
async def test_beside_the_rate() -> None:
    """The cap on calls at once holds beside the rate."""
    scripted = ScriptedPABX()
    pabx = pabx_with_events(max_in_progress=CAP, rate=per_second(2))
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    await submit_all(dispatcher, 60)

    assert 0 < scripted.most_in_progress < CAP  # it is the rate that holds back
    assert now() > 28


@virtual_time
async def test_shared_at_one_address() -> None:
    """PABX at one address share the smallest of their caps, as they share a rate."""
    scripted = ScriptedPABX()
    pabx = [
        pabx_with_events("one", max_in_progress=4),
        pabx_with_events("two", max_in_progress=9),
    ]
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    results = await submit_all(dispatcher, 30)

    assert scripted.most_in_progress == 4
    assert {result.pabx for result in results} == {"one", "two"}


@pytest.mark.parametrize(
    "course",
    [
        Course(status=400, is_placed=False),
        Course(status=503, is_placed=False, is_lost=False),
        Course(is_lost=True, is_placed=False),
        Course(steps=()),
        Course(is_lost=True, steps=()),
    ],
    ids=["rejected", "refused", "lost", "silent", "lost and silent"],
)
@virtual_time
async def test_no_place_is_lost(course: Course) -> None:
    """However a call ends, its place is free in the end."""
    scripted = ScriptedPABX(lambda _: course)
    pabx = pabx_with_events(max_in_progress=2)
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    await submit_all(dispatcher, 6)
    await dispatcher.wait_for_ends()

    assert dispatcher.statistics().pabx["one"].in_progress == 0
    assert dispatcher._router.trackers["one"].calls.has_room()


@virtual_time
async def test_waiting_ends() -> None:
    """A call waits for a place as for any turn, and says what holds it back."""
    scripted = ScriptedPABX(lambda _: Course(steps=()))
    pabx = pabx_with_events(max_in_progress=1, rate=per_second(50))
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    await dispatcher.submit(make_call("1"))
    waiting = asyncio.ensure_future(dispatcher.submit(make_call("2"), max_wait=5))
    await asyncio.sleep(1)

    one = dispatcher.statistics().pabx["one"]
    assert (one.limit, one.in_progress) == (Limit.MAX_IN_PROGRESS, 1)
    assert one.max_in_progress == 1
    result = await waiting
    assert isinstance(result.error, RateWaitTimeoutError)
    assert "max_in_progress" in str(result.error)
    assert now() == pytest.approx(5.1)


@virtual_time
async def test_cancelled_waiter_takes_no_place() -> None:
    """A call that is cancelled as it waits leaves its place to the next."""
    scripted = ScriptedPABX()
    pabx = pabx_with_events(max_in_progress=1)
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    first = asyncio.ensure_future(dispatcher.submit(make_call("1")))
    await asyncio.sleep(0.01)
    waiting = [
        asyncio.ensure_future(dispatcher.submit(make_call(str(number))))
        for number in range(9)
    ]
    await asyncio.sleep(1)
    for one in waiting[:8]:
        one.cancel()
    await asyncio.gather(first, *waiting, return_exceptions=True)

    assert waiting[8].result().outcome is Outcome.ACCEPTED
    await dispatcher.wait_for_ends()
    assert dispatcher.statistics().pabx["one"].in_progress == 0


@virtual_time
async def test_cancelled_as_its_turn_comes() -> None:
    """A call that is cancelled just as a place is free gives the place back."""
    scripted = ScriptedPABX(lambda _: Course(steps=()))
    pabx = pabx_with_events(max_in_progress=1)
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    await dispatcher.submit(make_call("1"))
    waiting = asyncio.ensure_future(dispatcher.submit(make_call("2")))
    await asyncio.sleep(1)
    scripted.tell(CallPhase.ENDED, scripted.placed["1"][0])
    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert dispatcher.statistics().pabx["one"].in_progress == 0
    await dispatcher.submit(make_call("3"))


@virtual_time
async def test_gap_timeout() -> None:
    """Places of calls whose end a gap hid are free after the time set for that."""
    scripted = ScriptedPABX(lambda _: Course(steps=()))
    ends = CallEndSettings(gap_timeout=20.0)
    pabx = pabx_with_events(max_in_progress=1, call_ends=ends)
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    await dispatcher.submit(make_call("1"))
    scripted.drop()
    await dispatcher.submit(make_call("2"))

    assert now() == pytest.approx(0.1 + 20.0 + 0.1)


def course_of(number: str) -> Course:
    """Return what becomes of the call with that number, always the same."""
    chance = random.Random(number)
    rings = (0.05, CallPhase.STARTED, None), (1.0, CallPhase.RINGING, None)
    steps = chance.choice(
        (
            Course().steps,
            (*rings, (4.0, CallPhase.ENDED, Disposition.NO_ANSWER)),
            (rings[0], (0.5, CallPhase.ENDED, Disposition.BUSY)),
            (*rings, (2.0, CallPhase.ANSWERED, None), (6.0, CallPhase.ENDED, None)),
        )
    )
    fate = chance.random()
    if fate < 0.05:
        placed = chance.random() < 0.7
        return Course(answer=2.0, is_lost=True, is_placed=placed, steps=steps)
    if fate < 0.07:
        return Course(status=400, is_placed=False)
    return Course(answer=chance.choice((0.02, 0.1, 1.5)), steps=steps)


async def dial(pabx: PABX, count: int, drops: int) -> list[CallResult]:
    """Dial a list over a PABX that loses events and drops the channel."""
    scripted = ScriptedPABX(course_of, chance=random.Random(count))
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx))
    loop = asyncio.get_running_loop()
    for number in range(drops):
        loop.call_later(20 + 60 * number, scripted.drop)
        loop.call_later(22 + 60 * number, scripted.open)
    items = (
        DispatchItem(call=make_call(str(one)), key=str(one)) for one in range(count)
    )
    async with dispatcher.stream(items, wait_for_end=True) as results:
        taken = [result async for result in results]

    assert 0 < scripted.most_in_progress <= CAP
    assert scripted.in_progress == 0
    assert dispatcher.statistics().pabx["one"].in_progress == 0
    assert len(dispatcher._router.trackers["one"].calls) == 0
    assert is_clean(dispatcher)
    for result in taken:
        end = result.end
        if end is not None and end.evidence is EndEvidence.DESTINATION:
            assert [end.call_id] == scripted.placed.get(str(result.key))
    return taken


@virtual_time
async def test_a_bad_day() -> None:
    """Events are lost, repeated, late, and the channel drops: all of it still holds."""
    pabx = pabx_with_events(
        max_in_progress=CAP, events=event_settings(end_timeout=30.0)
    )
    results = await dial(pabx, 1000, drops=5)

    assert sorted(int(str(one.key)) for one in results) == list(range(1000))
    wrong = [
        result
        for result in results
        if (result.end is None) is not (result.outcome is Outcome.REJECTED)
    ]
    assert wrong == []
    unknown = [one for one in results if one.outcome is Outcome.UNKNOWN]
    by_evidence = [one.end.evidence for one in unknown if one.end is not None]
    assert by_evidence.count(EndEvidence.DESTINATION) > len(unknown) // 3
    ends = [one.end.evidence for one in results if one.end is not None]
    assert ends.count(EndEvidence.CALL_ID) > 800
