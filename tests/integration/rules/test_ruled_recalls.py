"""Runs that recall contacts by what became of their calls, and call back as agreed."""

import asyncio
from typing import Any

import pytest
from ledgers import new_contact
from rule_values import moment
from ruled_campaigns import MOBILE, RuledScene, day_hours, ruled, take_all
from virtual_time import virtual_time

from digitro_async import Disposition
from digitro_async.ledger import (
    AgreedCallback,
    NewContact,
    NumberOfContact,
    State,
    WaitKind,
)
from digitro_async.privacy import Personal
from digitro_async.rules import (
    CallbackRule,
    CallingRules,
    ContactMix,
    MissedCallback,
    NextNumber,
    RecallRule,
    RecallRules,
)

SECOND, THIRD = "011912345678", "011911112222"
BUSY, SILENT = Disposition.BUSY, Disposition.NO_ANSWER


def recalls(most_attempts: int = 4, **rules: RecallRule) -> CallingRules:
    """Return rules that recall."""
    by_end = {Disposition(name): rule for name, rule in rules.items()}
    return CallingRules(recall=RecallRules(rules=by_end, most_attempts=most_attempts))


def of_numbers(line: int, *numbers: str, **given: Any) -> NewContact:
    """Return a contact with several numbers."""
    several = tuple(NumberOfContact(destination=Personal(one)) for one in numbers)
    return new_contact(
        line, **{"destination": several[0].destination, "numbers": several, **given}
    )


def minutes(scene: RuledScene) -> list[str]:
    """Return when calls were made, by the clock on the wall."""
    return [when[-5:] for _, when in scene.dialled]


@virtual_time
async def test_waits() -> None:
    """Each recall waits as long as its rule says, from the end of the call."""
    rules = recalls(busy=RecallRule(after=(600.0, 3600.0), most=9))
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.lasts = 60.0
        scene.courses.dispositions[MOBILE] = [BUSY, BUSY, BUSY, BUSY, BUSY]
        await scene.add(MOBILE)
        results, heeding = await scene.dial(rules)

    assert minutes(scene) == ["12:00", "12:11", "13:12", "14:13"]
    assert len(results) == 4  # the cap over all rules
    assert heeding.recalls == 3


@virtual_time
async def test_next_number() -> None:
    """A rule may take the next number, and a number that is given up is left out."""
    rules = recalls(
        no_answer=RecallRule(after=(60.0,), most=9, number=NextNumber.NEXT),
        invalid_number=RecallRule(
            after=(0.0,), most=9, number=NextNumber.NEXT, gives_up_number=True
        ),
    )
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.dispositions[MOBILE] = [SILENT, SILENT]
        scene.courses.dispositions[SECOND] = [Disposition.INVALID_NUMBER]
        await scene.ledger.add([of_numbers(1, MOBILE, SECOND)])
        await scene.dial(rules)

    assert [number for number, _ in scene.dialled] == [MOBILE, SECOND, MOBILE, MOBILE]


@virtual_time
async def test_number_with_its_own_hours() -> None:
    """Of several numbers the first is dialled that may be rung now."""
    evening = NumberOfContact(destination=Personal(MOBILE), hours=((18 * 60, 22 * 60),))
    numbers = (evening, NumberOfContact(destination=Personal(SECOND)))
    async with ruled("2026-11-30 12:00") as scene:
        await scene.ledger.add([of_numbers(1, MOBILE, numbers=numbers)])
        await scene.dial(CallingRules())
    assert scene.dialled == [(SECOND, "2026-11-30 12:00")]


@virtual_time
async def test_blocked_number() -> None:
    """Where one number is blocked, the next one is dialled; never a blocked one."""
    async with ruled("2026-11-30 12:00") as scene:
        key = CallingRules().called_number(MOBILE).key
        await scene.schedule.block(key, reason="x", until=None, now=scene.clock())
        await scene.ledger.add(
            [of_numbers(1, MOBILE, SECOND), of_numbers(2, MOBILE, THIRD)]
        )
        await scene.dial(CallingRules())

    assert [number for number, _ in scene.dialled] == [SECOND, THIRD]


@virtual_time
async def test_end_that_no_run_heard() -> None:
    """A recall is found by the next run where the last one ended before the end."""
    rules = recalls(busy=RecallRule(after=(600.0,), most=1))
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.dispositions[MOBILE] = [BUSY]
        await scene.add(MOBILE)
        await take_all(scene.campaign.run(wait_for_ends=False))
        await asyncio.sleep(60)
        await scene.dial(rules)

    assert minutes(scene) == ["12:00", "12:10"]


@virtual_time
async def test_callback() -> None:
    """A callback is made at its time, before all others, and once."""
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE)
        await take_all(scene.campaign.run())
        state = await scene.schedule.call_back(
            1, AgreedCallback(at=moment("2026-11-30 15:30")), now=scene.clock()
        )
        _, heeding = await scene.dial(CallingRules())

    assert state is State.PENDING
    assert minutes(scene) == ["12:00", "15:30"]
    assert heeding.callbacks == 1


@virtual_time
async def test_callback_while_a_run_waits() -> None:
    """A callback that comes in while a run waits is heard of at once, by an order."""
    async with ruled("2026-11-30 20:30") as scene:
        await scene.add(MOBILE, SECOND)
        run = scene.run(CallingRules(hours=(day_hours("09:00-21:00"),)))
        dialling = asyncio.create_task(take_all(run))
        await asyncio.sleep(60)
        await dialling
        run = scene.run(CallingRules(hours=(day_hours("09:00-20:00"),)))
        await scene.add(THIRD)
        dialling = asyncio.create_task(take_all(run))
        await asyncio.sleep(60)
        await scene.schedule.call_back(
            1, AgreedCallback(at=moment("2026-12-01 10:00")), now=scene.clock()
        )
        assert run.heeding is not None
        await run.heeding.look()
        await dialling

    assert scene.dialled[2:] == [
        (THIRD, "2026-12-01 09:00"),
        (MOBILE, "2026-12-01 10:00"),
    ]


@pytest.mark.parametrize(
    ("missed", "dialled"),
    [
        (MissedCallback.NEXT_DAY, ["2026-12-02 08:30"]),
        (MissedCallback.AT_ONCE, ["2026-12-01 09:00"]),
        (MissedCallback.CLOSE, []),
    ],
)
@virtual_time
async def test_missed_callback(missed: MissedCallback, dialled: list[str]) -> None:
    """A callback outside hours is moved, made as soon as it may be, or given up."""
    rules = CallingRules(
        hours=(day_hours("09:00-20:00"),), callbacks=CallbackRule(missed=missed)
    )
    later = CallingRules(hours=(day_hours("08:00-20:00"),), callbacks=rules.callbacks)
    async with ruled("2026-11-30 21:00") as scene:
        await scene.add(MOBILE)
        await scene.schedule.call_back(
            1, AgreedCallback(at=moment("2026-12-01 08:30")), now=scene.clock()
        )
        await scene.dial(rules, wait=12.25 * 3600)
        await scene.dial(later)
        entries = [entry async for entry in scene.ledger.entries()]

    assert [when for _, when in scene.dialled] == dialled
    if missed is MissedCallback.CLOSE:
        assert (entries[0].state, entries[0].reason) == (
            State.SKIPPED,
            "callback_missed",
        )


@virtual_time
async def test_early_callback() -> None:
    """A callback may be made so early as the rule allows, and is not put off again."""
    rules = CallingRules(callbacks=CallbackRule(early=600.0))
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE)
        await scene.schedule.call_back(
            1, AgreedCallback(at=moment("2026-11-30 15:30")), now=scene.clock()
        )
        await scene.dial(rules)

    assert minutes(scene) == ["15:20"]


@virtual_time
async def test_mix() -> None:
    """Fresh contacts and recalls take turns as the mix says, and priorities count."""
    rules = CallingRules(mix=ContactMix(fresh=2, recalls=1))
    async with ruled("2026-11-30 12:00", hears=False) as scene:
        fresh = [f"01191000000{number}" for number in range(6)]
        await scene.ledger.add(
            [
                new_contact(line, destination=Personal(number), priority=line // 4)
                for line, number in enumerate(fresh, 1)
            ]
        )
        await scene.dial(rules)

    order = [fresh.index(number) for number, _ in scene.dialled]
    assert order == [3, 4, 5, 0, 1, 2]


@virtual_time
async def test_recalls_among_fresh() -> None:
    """Recalls that are due come between fresh contacts, and not behind all of them."""
    rules = CallingRules(
        mix=ContactMix(fresh=1, recalls=1),
        recall=RecallRules(
            rules={BUSY: RecallRule(after=(1.0,), most=1)}, most_attempts=2
        ),
    )
    first = [f"0119100000{number:02}" for number in range(3)]
    more = [f"0119200000{number:02}" for number in range(3)]
    async with ruled("2026-11-30 12:00") as scene:
        for number in first:
            scene.courses.dispositions[number] = [BUSY]
        await scene.add(*first)
        await take_all(scene.campaign.run())
        await asyncio.sleep(60)
        await scene.add(*more)
        before = len(scene.dialled)
        await scene.dial(rules)

    kinds = ["r" if number in first else "f" for number, _ in scene.dialled[before:]]
    assert kinds == ["f", "r"] * 3


@virtual_time
async def test_wait_kinds() -> None:
    """The ledger says who waits for a recall, and that it was put off by a gate."""
    rules = CallingRules(
        hours=(day_hours(),),
        recall=RecallRules(
            rules={BUSY: RecallRule(after=(600.0,), most=1)}, most_attempts=2
        ),
    )
    async with ruled("2026-11-30 19:55") as scene:
        scene.courses.dispositions[MOBILE] = [BUSY]
        await scene.add(MOBILE)
        await scene.dial(rules, wait=1000.0)
        (entry,) = [entry async for entry in scene.ledger.entries()]

    assert entry.state is State.PENDING
    assert (entry.wait, entry.due) == (WaitKind.RECALL, moment("2026-12-01 09:00"))
    assert entry.reason == "outside_hours"
