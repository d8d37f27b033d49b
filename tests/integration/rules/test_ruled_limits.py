"""Runs that heed spacings, caps and blocks, also of numbers on several lists."""

import asyncio

import attrs
import pytest
from call_event_scenes import listening
from campaigns import CALL
from ledgers import new_contact
from ruled_campaigns import MOBILE, day_hours, ruled, take_all
from virtual_time import virtual_time

from digitro_async import Campaign, Disposition, Outcome
from digitro_async.campaign import RulesInForce
from digitro_async.ledger import NumberOfContact, State
from digitro_async.privacy import Personal
from digitro_async.rules import (
    AttemptCap,
    CallingRules,
    CapClock,
    Counted,
    RecallRule,
    RecallRules,
    Spacing,
)

A_DAY = CallingRules(caps=(AttemptCap(name="one a day", most=1, clock=CapClock.DAY),))
OTHER = "011912345678"
THIRD = "011912345679"


def key_of(number: str) -> int:
    """Return the key of a number."""
    return CallingRules().called_number(number).key


@virtual_time
async def test_two_lists() -> None:
    """A number on two lists is called as often as a cap by number allows."""
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE)
        await scene.add(f"+55{MOBILE[1:]}")
        results, _ = await scene.dial(A_DAY)

    assert [when for _, when in scene.dialled] == [
        "2026-11-30 12:00",
        "2026-12-01 00:00",
    ]
    assert len(results) == 2


@virtual_time
async def test_spacing_by_number() -> None:
    """The spacing of a number counts from the end of the call by another contact."""
    rules = CallingRules(spacings=(Spacing(name="1 h", least=3600.0),))
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE, f"+55{MOBILE[1:]}", OTHER)
        await scene.dial(rules)

    assert {number for number, _ in scene.dialled[:2]} == {MOBILE, OTHER}
    first, *_, last = scene.courses.times
    assert last - first >= 3600 + scene.courses.lasts


@virtual_time
async def test_cap_for_life() -> None:
    """A cap for life refuses a contact for good, and tells which gate did."""
    cap = AttemptCap(name="once", most=1, clock=CapClock.LIFETIME)
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE, f"+55{MOBILE[1:]}")
        await scene.dial(CallingRules(caps=(cap,)))
        results, heeding = await scene.dial(CallingRules(caps=(cap,)))
        entries = [entry async for entry in scene.ledger.entries()]

    assert len(scene.dialled) == 1
    assert results == []
    assert [entry.state for entry in entries] == [State.ACCEPTED, State.SKIPPED]
    assert entries[1].reason == "attempt_cap"
    del heeding


@virtual_time
async def test_attempts_without_rules() -> None:
    """Attempts of a run that heeded no rules count for one that does."""
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE)
        await take_all(scene.campaign.run())
        await scene.add(f"+55{MOBILE[1:]}")
        await scene.dial(A_DAY)

    assert [when for _, when in scene.dialled][1:] == ["2026-12-01 00:00"]


@virtual_time
async def test_block_before_the_intent() -> None:
    """Who is blocked after the claim and before the intent is never called."""
    pabx = listening(max_in_flight=1)
    async with ruled("2026-11-30 12:00", pabx=pabx) as scene:
        scene.courses.latency = 10.0
        await scene.add(OTHER, MOBILE)
        run = scene.run(A_DAY)
        dialling = asyncio.create_task(take_all(run))
        await asyncio.sleep(5)
        await scene.schedule.block(
            key_of(MOBILE), reason="asked", until=None, now=scene.clock()
        )
        results = await dialling
        entries = [entry async for entry in scene.ledger.entries()]

    assert [number for number, _ in scene.dialled] == [OTHER]
    assert [entry.state for entry in entries] == [State.ACCEPTED, State.SKIPPED]
    (held,) = [result for result in results if result.outcome is Outcome.NOT_SENT]
    assert held.error is not None
    assert held.error.reason == "blocked"
    assert run.heeding is not None
    assert run.heeding.refused == {"blocked": 1}


@virtual_time
async def test_block_at_once() -> None:
    """An order lets a run look for blocks at once, before the next call begins."""
    pabx = listening(max_in_flight=1)
    async with ruled("2026-11-30 12:00", pabx=pabx) as scene:
        scene.courses.latency = 10.0
        await scene.add(OTHER, MOBILE)
        run = scene.run(A_DAY)
        dialling = asyncio.create_task(take_all(run))
        # The first call is answered a moment after the order, and no look is due.
        await asyncio.sleep(9.99)
        await scene.schedule.block(
            key_of(MOBILE), reason="asked", until=None, now=scene.clock()
        )
        assert run.heeding is not None
        await run.heeding.look()
        await dialling

    assert [number for number, _ in scene.dialled] == [OTHER]


@virtual_time
async def test_next_number_at_once() -> None:
    """Whose number is blocked right before its call is called by the next one at once.

    The result of the call that was held back is taken only later.
    """
    pabx = listening(max_in_flight=1)
    async with ruled("2026-11-30 12:00", pabx=pabx) as scene:
        scene.courses.latency = 10.0
        numbers = tuple(
            NumberOfContact(destination=Personal(one)) for one in (MOBILE, THIRD)
        )
        await scene.add(OTHER)
        await scene.ledger.add(
            [new_contact(2, destination=numbers[0].destination, numbers=numbers)]
        )
        await scene.add("011912345670")
        run = scene.run(A_DAY)
        async with run as results:
            await asyncio.sleep(5)
            key = key_of(MOBILE)
            await scene.schedule.block(key, reason="x", until=None, now=scene.clock())
            await asyncio.sleep(10)  # held back, and in the line again
            taken = [(result.key, result.outcome) async for result in results]

    assert [number for number, _ in scene.dialled][-1] == THIRD
    assert [when for _, when in scene.dialled] == ["2026-11-30 12:00"] * 3
    assert taken[-1] == (2, Outcome.ACCEPTED)


@virtual_time
async def test_lifted_at_once() -> None:
    """A number whose block is lifted while a run waits is called."""
    async with ruled("2026-11-30 08:00") as scene:
        await scene.add(MOBILE)
        key = key_of(MOBILE)
        until = scene.clock() + 1800.0
        await scene.schedule.block(key, reason="x", until=until, now=scene.clock())
        run = scene.run(CallingRules(hours=(day_hours(),)))
        dialling = asyncio.create_task(take_all(run))
        await asyncio.sleep(60)
        await scene.schedule.unblock(key)
        await dialling

    assert scene.dialled == [(MOBILE, "2026-11-30 09:00")]


@virtual_time
async def test_block_with_an_end() -> None:
    """A block that ends puts its number off until then."""
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE)
        until = scene.clock() + 7200.0
        await scene.schedule.block(
            key_of(MOBILE), reason="x", until=until, now=scene.clock()
        )
        await scene.dial(CallingRules())

    assert scene.dialled == [(MOBILE, "2026-11-30 14:00")]


@virtual_time
async def test_unknown() -> None:
    """An attempt of unknown outcome counts, and no rule tries its contact again."""
    recall = RecallRules(
        rules={Disposition.BUSY: RecallRule(after=(60.0,), most=9)}, most_attempts=9
    )
    rules = attrs.evolve(A_DAY, recall=recall)
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.lost.add(MOBILE)
        await scene.add(MOBILE, f"+55{MOBILE[1:]}")
        results, heeding = await scene.dial(rules)
        states = await scene.ledger.counts()

    assert isinstance(heeding, RulesInForce)
    assert [result.outcome for result in results] == [
        Outcome.UNKNOWN,
        Outcome.ACCEPTED,
    ]
    assert [when for _, when in scene.dialled] == [
        "2026-11-30 12:00",
        "2026-12-01 00:00",
    ]
    assert states[State.UNKNOWN] == 1


@virtual_time
async def test_not_placed() -> None:
    """A call that was not placed comes up again soon, and counts for no cap."""
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.refused[MOBILE] = 2
        await scene.add(MOBILE)
        results, _ = await scene.dial(A_DAY)

    assert [result.outcome for result in results] == [
        Outcome.NOT_SENT,
        Outcome.NOT_SENT,
        Outcome.ACCEPTED,
    ]
    assert [when for _, when in scene.dialled] == [
        "2026-11-30 12:00",
        "2026-11-30 12:01",
        "2026-11-30 12:02",
    ]


@pytest.mark.parametrize("counts", Counted)
@virtual_time
async def test_number_in_use(counts: Counted) -> None:
    """Two contacts of one number are never on the wire at once, if that counts."""
    spacing = Spacing(name="1 min", least=60.0, counts=counts, assumed=1.0)
    async with ruled("2026-11-30 12:00", hears=False) as scene:
        scene.courses.latency = 30.0
        await scene.add(MOBILE, f"+55{MOBILE[1:]}")
        await scene.dial(CallingRules(spacings=(spacing,)))

    at_once = 2 if counts is Counted.CONTACT else 1
    assert scene.courses.most_on_wire == at_once


@virtual_time
async def test_out_of_attempts() -> None:
    """A run does not wait for whom it never calls again, and ends."""
    async with ruled("2026-11-30 12:00", max_attempts=1) as scene:
        scene.courses.failing[MOBILE] = 1
        await scene.add(MOBILE)
        await scene.dial(CallingRules())
        exhausted = await scene.ledger.count_exhausted(1)
        ended = scene.clock.shown()

    assert (ended, exhausted, len(scene.dialled)) == ("2026-11-30 12:00", 1, 1)


@virtual_time
async def test_out_of_attempts_while_a_recall_waits() -> None:
    """A run does not wait for a recall that it never makes; one that makes it does."""
    recall = RecallRules(
        rules={Disposition.BUSY: RecallRule(after=(3600.0,), most=1)}, most_attempts=9
    )
    rules = CallingRules(recall=recall)
    async with ruled("2026-11-30 12:00", max_attempts=2) as scene:
        scene.courses.failing[MOBILE] = 1
        scene.courses.dispositions[MOBILE] = [Disposition.BUSY]
        await scene.add(MOBILE)
        await scene.dial(rules, wait=60)
        patient = scene.campaign
        scene.campaign = Campaign(scene.ledger, scene.client, call=CALL, max_attempts=1)
        await scene.dial(rules)
        ended = scene.clock.shown()
        scene.campaign = patient
        await scene.dial(rules)

    assert ended == "2026-11-30 12:01"
    assert [when for _, when in scene.dialled] == [
        "2026-11-30 12:00",
        "2026-11-30 12:01",
        "2026-11-30 13:01",
    ]
