"""Runs that heed hours: contacts are put off, and come up by themselves."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from ledgers import SHELVES, an_end, end_call
from rule_values import moment
from ruled_campaigns import (
    MOBILE,
    SetClock,
    WallClock,
    day_hours,
    ruled,
    take_all,
)
from virtual_time import virtual_time

from digitro_async import Disposition
from digitro_async.ledger import State, WaitKind
from digitro_async.rules import (
    CallingRules,
    Counted,
    DayCalendar,
    OwnHoliday,
    RecallRule,
    RecallRules,
    Spacing,
)

ACRE = "068987654321"
HOURS = CallingRules(hours=(day_hours(),))
RECALLED = CallingRules(
    hours=(day_hours(),),
    recall=RecallRules(
        rules={Disposition.BUSY: RecallRule(after=(600.0,), most=2)}, most_attempts=3
    ),
)


@virtual_time
async def test_next_morning() -> None:
    """A contact that comes up when hours are closed is dialled as they open again."""
    async with ruled("2026-11-30 20:01") as scene:
        await scene.add(MOBILE)
        results, heeding = await scene.dial(HOURS)

    assert scene.dialled == [(MOBILE, "2026-12-01 09:00")]
    assert len(results) == 1
    assert heeding.deferred == {"outside_hours": 1}


@virtual_time
async def test_before_closing_time() -> None:
    """What was busy at 19:59 is due at 20:09, and dialled in the morning."""
    async with ruled("2026-11-30 19:59") as scene:
        scene.courses.dispositions[MOBILE] = [Disposition.BUSY]
        await scene.add(MOBILE)
        results, heeding = await scene.dial(RECALLED)

    assert scene.dialled == [
        (MOBILE, "2026-11-30 19:59"),
        (MOBILE, "2026-12-01 09:00"),
    ]
    assert [result.key for result in results] == [1, 1]
    assert heeding.recalls == 1
    assert heeding.deferred == {"outside_hours": 1}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_restart(kind: str, tmp_path: Path) -> None:
    """Who was busy at 19:59 is dialled by another run in the morning, not before."""
    clock = SetClock("2026-11-30 19:59")
    shelf = SHELVES[kind](tmp_path, clock)
    async with shelf.ledger() as ledger, ruled("", ledger=ledger, clock=clock) as scene:
        await scene.add(MOBILE)
        await scene.dial(RECALLED, wait=0)
        (called,) = [entry async for entry in ledger.entries()]
        end = an_end(Disposition.BUSY, called.call_id, key=1, ended_at=clock() + 20)
        await end_call(ledger, 1, end)
        await scene.dial(RECALLED, wait=0)
        waits = await scene.schedule.waiting(now=clock())
    assert scene.dialled == [(MOBILE, "2026-11-30 19:59")]
    assert waits.kinds == {WaitKind.RECALL: 1}

    for seconds in (900, 12 * 3600, 3600):
        clock.set(seconds)
        async with (
            shelf.ledger() as ledger,
            ruled("", ledger=ledger, clock=clock) as scene,
        ):
            await scene.dial(RECALLED, wait=0)
            waits = await scene.schedule.waiting(now=clock())
            counts = await ledger.counts()
        if not scene.dialled:
            assert waits.next_due == moment("2026-12-01 09:00")

    assert scene.dialled == [(MOBILE, "2026-12-01 09:14")]
    assert counts[State.ACCEPTED] == 1


@virtual_time
async def test_over_midnight() -> None:
    """Hours that pass midnight are open on both its sides."""
    rules = CallingRules(hours=(day_hours("22:00-02:00"),))
    async with ruled("2026-11-30 21:00") as scene:
        await scene.add(MOBILE)
        await scene.dial(rules)
        scene.clock.set(3 * 3600)
        await scene.add("011987654322")
        await scene.dial(rules)
        scene.clock.set(3 * 3600)
        await scene.add("011987654323")
        await scene.dial(rules)

    assert [when for _, when in scene.dialled] == [
        "2026-11-30 22:00",
        "2026-12-01 01:00",
        "2026-12-01 22:00",
    ]


@virtual_time
async def test_states() -> None:
    """Each state is dialled by its own clock, and by its own hours."""
    acre = day_hours("10:00-12:00", name="Acre", states=frozenset({"AC"}))
    rules = CallingRules(hours=(day_hours(), acre))
    async with ruled("2026-11-30 08:00") as scene:
        await scene.add(ACRE, MOBILE)
        await scene.dial(rules)

    assert scene.dialled == [
        (MOBILE, "2026-11-30 09:00"),
        (ACRE, "2026-11-30 12:00"),  # 10:00 there
    ]


@virtual_time
async def test_holiday() -> None:
    """Nobody is dialled on a holiday that hours heed."""
    calendar = DayCalendar(
        of_library=False,
        own=(OwnHoliday(day=dt.date(2026, 12, 1), state="SP", name="ours"),),
    )
    hours = day_hours(holidays="state")
    async with ruled("2026-11-30 21:00") as scene:
        await scene.add(MOBILE)
        await scene.dial(CallingRules(hours=(hours,), calendar=calendar))

    assert scene.dialled == [(MOBILE, "2026-12-02 09:00")]


@virtual_time
async def test_summer_time() -> None:
    """A night that lost an hour in 2018 is one hour shorter to who waits for it."""
    async with ruled("2018-11-03 21:00") as scene:
        await scene.add(MOBILE)
        await scene.dial(HOURS)

    assert scene.dialled == [(MOBILE, "2018-11-04 09:00")]
    assert scene.courses.times[0] == pytest.approx(11 * 3600, abs=60)


@virtual_time
async def test_clock_set_back() -> None:
    """Nobody is dialled before the hour that the clock says then."""
    async with ruled("2026-11-30 20:01") as scene:
        await scene.add(MOBILE)
        dialling = asyncio.create_task(scene.dial(HOURS))
        await asyncio.sleep(12 * 3600)
        scene.clock.set(-6 * 3600)
        await dialling

    assert scene.dialled == [(MOBILE, "2026-12-01 09:00")]


@virtual_time
async def test_clock_set_forward() -> None:
    """A run hears within a minute that the hours have opened earlier than it waited."""
    async with ruled("2026-11-30 20:01") as scene:
        await scene.add(MOBILE)
        dialling = asyncio.create_task(scene.dial(HOURS))
        await asyncio.sleep(3600)
        scene.clock.set(12.5 * 3600)
        await dialling

    assert scene.dialled == [(MOBILE, "2026-12-01 09:31")]


@virtual_time
async def test_clock_set_back_spacing() -> None:
    """A clock that is set back shortens no spacing."""
    spacing = Spacing(name="2 h", least=7200.0, counts=Counted.CONTACT)
    rules = CallingRules(spacings=(spacing,), recall=RECALLED.recall)
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.dispositions[MOBILE] = [Disposition.BUSY]
        await scene.add(MOBILE)
        dialling = asyncio.create_task(scene.dial(rules))
        await asyncio.sleep(1800)
        scene.clock.set(-3600)
        await dialling

    first, second = scene.courses.times
    assert second - first >= 7200
    assert scene.dialled[1][1] == "2026-11-30 14:00"


@virtual_time
async def test_end_without_waiting() -> None:
    """A run that does not wait leaves who is put off to the next one, and tells it."""
    async with ruled("2026-11-30 20:01") as scene:
        await scene.add(MOBILE, ACRE)
        results, _ = await scene.dial(HOURS, wait=0)
        waits = await scene.schedule.waiting(now=scene.clock())
        states = await scene.ledger.counts()
        later = await take_all(scene.campaign.run())

    assert [number for number, _ in scene.dialled] == [ACRE]
    assert len(results) == 1
    assert (waits.kinds, waits.reasons) == (
        {WaitKind.DEFERRED: 1},
        {"outside_hours": 1},
    )
    assert states[State.PENDING] == 1
    assert later == []


class SlowClock(WallClock):
    """A clock that goes slower than the loop's, and passes as it is read."""

    def __init__(self, at: str) -> None:
        super().__init__(at)
        self._start = super().__call__()
        self._reads = 0

    def __call__(self) -> float:
        """Return the time."""
        self._reads += 1
        passed = super().__call__() - self._start
        return self._start + 0.99 * passed + 1e-3 * self._reads


@virtual_time
async def test_a_clock_that_is_slow() -> None:
    """Who becomes due while a run looks for him is called, and not left behind."""
    async with ruled("", clock=SlowClock("2026-11-30 20:01"), hears=False) as scene:
        await scene.add(MOBILE)
        results, _ = await scene.dial(HOURS)

    assert [number for number, _ in scene.dialled] == [MOBILE]
    assert len(results) == 1
