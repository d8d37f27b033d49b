"""What a run that applies rules would do, told without a call."""

from ruled_campaigns import MOBILE, day_hours, ruled
from virtual_time import virtual_time

from digitro_async.campaign import RehearsedContact, RehearsedStep, rehearse
from digitro_async.ledger import AgreedCallback
from digitro_async.rules import AttemptCap, CallingRules, CapClock

ACRE = "068987654321"


@virtual_time
async def test_each_step() -> None:
    """Who would be called, put off, refused, and who waits, is told with its number."""
    cap = AttemptCap(name="one a day", most=1, clock=CapClock.DAY)
    rules = CallingRules(hours=(day_hours(),), caps=(cap,))
    async with ruled("2026-11-30 10:00") as scene:
        await scene.add(MOBILE, f"+55{MOBILE[1:]}", ACRE, "011912345678", "4832817000")
        now, schedule = scene.clock(), scene.schedule
        blocked = rules.called_number("011912345678").key
        await schedule.block(blocked, reason="x", until=None, now=now)
        await schedule.call_back(5, AgreedCallback(at=now + 3600), now=now)
        told = [one async for one in rehearse(scene.ledger, rules, now=now)]

    assert told[0] == RehearsedContact(
        number=1, masked="01xxxxxxxx21", place=0, step=RehearsedStep.NOW
    )
    assert [(one.number, one.step, one.reason) for one in told[1:]] == [
        (2, RehearsedStep.LATER, "outside_hours"),  # from midnight on until 09:00
        (3, RehearsedStep.LATER, "outside_hours"),
        (4, RehearsedStep.NEVER, "blocked"),
        (5, RehearsedStep.LATER, "callback"),
    ]
    assert told[4].due == now + 3600
    assert scene.dialled == []
