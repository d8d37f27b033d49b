"""Results of runs that heed rules, taken when their contacts are called anew."""

import asyncio

import attrs
import pytest
from call_event_scenes import listening
from ledgers import new_contact
from ruled_campaigns import MOBILE, RuledScene, ruled, take_all
from virtual_time import virtual_time

from digitro_async import PABX, Disposition, Outcome, RateLimit
from digitro_async.ledger import AgreedCallback, NumberOfContact
from digitro_async.privacy import Personal
from digitro_async.rules import (
    ALLOW,
    CallingRules,
    Counted,
    RecallRule,
    RecallRules,
    Spacing,
    StopReason,
    StopRules,
)

NO_RULES = CallingRules()
RECALL_BUSY = CallingRules(
    recall=RecallRules(
        rules={Disposition.BUSY: RecallRule(after=(60.0,), most=3)}, most_attempts=9
    )
)
OTHER, THIRD, FOURTH = "011912345678", "011912345679", "011912345670"


def slow() -> PABX:
    """Return a PABX that takes a call each ten seconds, for which others wait."""
    return listening(rate=RateLimit(1, 10.0), max_in_flight=3)


async def block(scene: RuledScene, number: str) -> None:
    """Block a number for good."""
    key = NO_RULES.called_number(number).key
    await scene.schedule.block(key, reason="asked", until=None, now=scene.clock())


@virtual_time
async def test_held_back_before() -> None:
    """An old call that was held back puts the new one of its contact off by nothing."""
    async with ruled("2026-11-30 12:00", pabx=slow()) as scene:
        numbers = tuple(
            NumberOfContact(destination=Personal(one)) for one in (MOBILE, THIRD)
        )
        await scene.add(OTHER)
        await scene.ledger.add(
            [new_contact(2, destination=numbers[0].destination, numbers=numbers)]
        )
        await scene.add(FOURTH)
        run = scene.run(NO_RULES)
        async with run as results:
            await asyncio.sleep(5)
            await block(scene, MOBILE)
            await asyncio.sleep(20)  # held back, and waiting for its turn anew
            assert [number for number, _ in scene.dialled] == [OTHER, FOURTH]
            taken = [(result.key, result.outcome) async for result in results]

    assert [number for number, _ in scene.dialled] == [OTHER, FOURTH, THIRD]
    assert {when for _, when in scene.dialled} == {"2026-11-30 12:00"}
    assert taken[1] == (2, Outcome.NOT_SENT)
    assert taken[-1] == (2, Outcome.ACCEPTED)
    assert len(taken) == 4


@virtual_time
async def test_accepted_before() -> None:
    """A block holds for a recall, though the result of the first call is taken late."""
    async with ruled("2026-11-30 12:00", pabx=slow()) as scene:
        scene.courses.dispositions[MOBILE].append(Disposition.BUSY)
        await scene.add(MOBILE)
        run = scene.run(RECALL_BUSY)
        async with run as results:
            await asyncio.sleep(75)  # its call is over, and it waits for its recall
            await scene.add(OTHER)
            assert run.heeding is not None
            await run.heeding.look()
            await asyncio.sleep(9)  # it waits for its turn
            assert scene.dialled[-1][0] == OTHER
            assert (await anext(results)).key == 1
            await block(scene, MOBILE)
            async for _ in results:
                pass

    assert [number for number, _ in scene.dialled] == [MOBILE, OTHER]


@virtual_time
async def test_not_in_hand() -> None:
    """The call of a contact that is not in hand is never allowed."""
    async with ruled("2026-11-30 12:00") as scene:
        await scene.add(MOBILE)
        run = scene.run(NO_RULES)
        await take_all(run)

        assert run.heeding is not None
        assert run.heeding.in_hand.check(1) is not ALLOW


@virtual_time
async def test_nothing_is_kept() -> None:
    """Nothing is kept of a contact whose result was taken, however many there are."""
    kept = []
    for contacts in (1, 30):
        async with ruled("2026-11-30 12:00") as scene:
            await scene.add(*(f"01191234{one:04}" for one in range(contacts)))
            run = scene.run(NO_RULES)
            await take_all(run)
            assert run.heeding is not None
            found = vars(run.heeding.in_hand).values()
            kept.append(sum(len(one) for one in found if isinstance(one, dict)))

    assert kept == [0, 0]


@pytest.mark.parametrize("refused", [1, 3])
@virtual_time
async def test_not_placed_again(refused: int) -> None:
    """Each call that was not placed puts its contact off for a minute, once."""
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.refused[MOBILE] = refused
        await scene.add(MOBILE)
        results, heeding = await scene.dial(NO_RULES)

    assert len(results) == refused + 1
    assert sum(heeding.deferred.values()) == refused
    assert scene.dialled[-1] == (MOBILE, f"2026-11-30 12:0{refused}")


@pytest.mark.parametrize("counts", Counted)
@virtual_time
async def test_end_while_another_waits(counts: Counted) -> None:
    """A spacing counts from an end that is told while the next call waits its turn."""
    spacing = Spacing(name="1 min", least=60.0, counts=counts, assumed=1.0)
    async with ruled("2026-11-30 12:00", pabx=slow()) as scene:
        scene.courses.lasts = 62.0
        await scene.add(MOBILE)
        if counts is Counted.NUMBER:
            await scene.add(f"+55{MOBILE[1:]}")
        # With recalls a run waits for what becomes of its calls.
        run = scene.run(attrs.evolve(RECALL_BUSY, spacings=(spacing,)))
        async with run as results:
            await asyncio.sleep(0.5)
            if counts is Counted.CONTACT:
                at = AgreedCallback(at=scene.clock() + 60.0)
                await scene.schedule.call_back(1, at, now=scene.clock())
            await asyncio.sleep(58)
            await scene.add(OTHER)  # its slot is the only one until 70 s
            assert run.heeding is not None
            await run.heeding.look()
            async for _ in results:
                pass

    assert [when for number, when in scene.dialled if number != OTHER] == [
        "2026-11-30 12:00",
        "2026-11-30 12:02",
    ]


@virtual_time
async def test_end_while_on_the_wire() -> None:
    """A call counts whose contact's call before it ends meanwhile."""
    rules = attrs.evolve(RECALL_BUSY, stop=StopRules(calls=2))
    async with ruled("2026-11-30 12:00") as scene:
        scene.courses.lasts = 65.0
        await scene.add(MOBILE)
        run = scene.run(rules)
        async with run as results:
            await asyncio.sleep(1)
            at = AgreedCallback(at=scene.clock() + 60.0)
            await scene.schedule.call_back(1, at, now=scene.clock())
            scene.courses.latency = 10.0
            await asyncio.sleep(63)  # it is on the wire
            await scene.add(OTHER)
            async for _ in results:
                pass

    assert [number for number, _ in scene.dialled] == [MOBILE, MOBILE]
    assert run.heeding is not None
    assert run.heeding.stopped is StopReason.CALLS
