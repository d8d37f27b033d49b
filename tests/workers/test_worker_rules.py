"""Workers apply rules together: nobody is called too early, or twice."""

import asyncio
import collections
import contextlib
from typing import Any

from campaigns import CALL, ScriptedClient
from ledgers import new_contact
from ruled_campaigns import MOBILE, Courses, WallClock, day_hours
from sliced_memory import SlicedMemoryLedger
from test_worker import worker_of
from virtual_time import virtual_time

from digitro_async import Campaign, PredictiveCall
from digitro_async.campaign import RuledSlices
from digitro_async.ledger import ClaimedContact, Deferral, State, new_owner
from digitro_async.privacy import Personal
from digitro_async.rules import (
    AttemptCap,
    CallingRules,
    CapClock,
    StopRules,
)
from digitro_async.workers import InProcessEngine, SlicingSettings

SLOW = SlicingSettings(size=10, look=300.0, come_again=600.0, clean_up=3600.0)


async def dial_together(
    rules: CallingRules, clock: WallClock, ledger: SlicedMemoryLedger, workers: int
) -> tuple[Courses, list[object]]:
    """Let workers dial until nothing is left; return what was dialled."""
    courses, engine = Courses(clock), InProcessEngine()

    async def work() -> object:
        client = ScriptedClient(courses)
        worker = worker_of(ledger, client, engine, rules=rules, settings=SLOW)
        async with worker:
            async for _ in worker:
                pass
        await client.aclose()
        return worker.heeding

    with clock.in_use():
        heeding = await asyncio.gather(*(work() for _ in range(workers)))
    return courses, list(heeding)


def no_call(contact: ClaimedContact) -> PredictiveCall:
    """Make no call: nobody is called."""
    raise AssertionError(contact.number)


@virtual_time
async def test_hours() -> None:
    """Contacts of slices that come up too early are dialled once hours are open."""
    clock = WallClock("2026-12-01 08:50")
    ledger = SlicedMemoryLedger(clock=clock)
    async with ledger:
        await ledger.add([new_contact(one) for one in range(1, 31)])
    rules = CallingRules(hours=(day_hours(),))
    courses, _ = await dial_together(rules, clock, ledger, 3)

    assert {when for _, when in courses.seen} == {"2026-12-01 09:00"}
    called = collections.Counter(number for number, _ in courses.seen)
    assert len(called) == 30
    assert set(called.values()) == {1}


@virtual_time
async def test_number_of_two_contacts() -> None:
    """A cap by number holds over workers, whoever has which contact."""
    clock = WallClock("2026-11-30 23:50")
    ledger = SlicedMemoryLedger(clock=clock)
    async with ledger:
        await ledger.add(
            [
                new_contact(one, destination=Personal(f"01198765{one % 20:04}"))
                for one in range(1, 41)
            ]
        )
    cap = AttemptCap(name="one a day", most=1, clock=CapClock.DAY)
    courses, _ = await dial_together(CallingRules(caps=(cap,)), clock, ledger, 3)

    days = collections.Counter((number, when[:10]) for number, when in courses.seen)
    assert len(courses.seen) == 40
    assert set(days.values()) == {1}


@virtual_time
async def test_stop_rule() -> None:
    """A stop rule ends the worker, and leaves the others pending."""
    clock = WallClock("2026-11-30 12:00")
    ledger = SlicedMemoryLedger(clock=clock)
    async with ledger:
        await ledger.add([new_contact(one) for one in range(1, 31)])
    rules = CallingRules(stop=StopRules(calls=7))
    courses, (heeding,) = await dial_together(rules, clock, ledger, 1)
    async with ledger:
        states = await ledger.counts()

    assert len(courses.seen) == 7
    assert states[State.PENDING] == 23
    assert getattr(heeding, "stopped", None) == "stop_calls"


@virtual_time
async def test_block_in_the_night() -> None:
    """Who is blocked while a worker sleeps is not called when it wakes up."""
    clock = WallClock("2026-11-30 21:00")
    ledger = SlicedMemoryLedger(clock=clock)
    async with ledger:
        await ledger.add([new_contact(1, destination=Personal(MOBILE))])
    rules = CallingRules(hours=(day_hours(),))
    dialling = asyncio.create_task(dial_together(rules, clock, ledger, 1))
    await asyncio.sleep(3600)
    key = rules.called_number(MOBILE).key
    await ledger.schedule.block(key, reason="asked", until=None, now=clock())
    courses, _ = await dialling
    async with ledger:
        states = await ledger.counts()

    assert courses.seen == []
    assert states[State.SKIPPED] == 1


@virtual_time
async def test_contact_that_makes_no_call() -> None:
    """A contact whose fields make no call keeps no worker from its end."""
    clock = WallClock("2026-11-30 12:00")
    ledger = SlicedMemoryLedger(clock=clock)
    async with ledger:
        await ledger.add([new_contact(1, fields={"damaged": "x"})])
    async with asyncio.timeout(86_400):
        courses, _ = await dial_together(CallingRules(), clock, ledger, 1)
    async with ledger:
        states = await ledger.counts()

    assert courses.seen == []
    assert states[State.INVALID] == 1


@virtual_time
async def test_contact_that_has_just_become_due() -> None:
    """A worker does not end while a contact is due that it has not found yet."""
    clock = WallClock("2026-11-30 12:00")
    ledger = SlicedMemoryLedger(clock=clock)
    async with ledger, contextlib.aclosing(ScriptedClient(Courses(clock))) as client:
        await ledger.add([new_contact(1)])
        owner, campaign = new_owner(), Campaign(ledger, client, call=CALL)
        heeding = campaign.heed(CallingRules(), owner, clock)
        given: dict[str, Any] = {"lease": 60.0, "max_attempts": 5, "partial": False}
        claims = RuledSlices(
            heeding, ledger, owner, no_call, page=1, pabx={None}, **given
        )
        now = clock()
        contacts = await ledger.schedule.claim(1, owner, 60.0, now=now, kinds=[None])
        deferral = Deferral(number=1, due=now + 10, reason="spacing", place=0)
        assert len(contacts) == 1
        await ledger.schedule.put_off(owner, [deferral], now=now)
        await asyncio.sleep(9)
        before = await claims.waits(None)
        await asyncio.sleep(2)
        due = await claims.waits(None)

    assert (before, due) == (True, True)


@virtual_time
async def test_whom_no_call_is_left_for() -> None:
    """A worker ends though those wait who are out of attempts, or another one's."""
    clock = WallClock("2026-11-30 12:00")
    ledger = SlicedMemoryLedger(clock=clock)
    courses = Courses(clock)
    async with ledger, contextlib.aclosing(ScriptedClient(courses)) as client:
        await ledger.add([new_contact(1), new_contact(2, pabx="elsewhere")])
        courses.failing[new_contact(1).destination.reveal()] = 1
        owner, now = new_owner(), clock()
        await ledger.schedule.claim(
            1, owner, 60.0, now=now, kinds=[None], pabx=["elsewhere"]
        )
        deferral = Deferral(number=2, due=now + 36_000, reason="spacing", place=0)
        await ledger.schedule.put_off(owner, [deferral], now=now)
        worker = worker_of(
            *(ledger, client, InProcessEngine()),
            rules=CallingRules(),
            settings=SLOW,
            max_attempts=1,
        )
        with clock.in_use():
            async with asyncio.timeout(7200), worker:
                results = [result async for result in worker]

    assert [result.key for result in results] == [1]
    assert clock() - now < 3600
