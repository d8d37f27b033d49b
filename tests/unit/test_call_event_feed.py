"""The events of calls, handed to programs that iterate over them."""

from dispatch_scene import make_dispatcher
from helpers import make_call
from scripted_events import ScriptedPABX, pabx_with_events
from virtual_time import virtual_time

from digitro_async import CallEvent, CallPhase, Gap


@virtual_time
async def test_call_events() -> None:
    """Each program that iterates gets every event; a slow one is told what it lost."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    events, slow = dispatcher.call_events(), dispatcher.call_events(1)
    await dispatcher.submit(make_call("1"))
    await dispatcher.wait_for_ends()
    scripted.drop()
    dispatcher.stop_events()

    got = [event async for event in events]
    assert [event.phase for event in got if isinstance(event, CallEvent)] == [
        *(CallPhase.STARTED, CallPhase.RINGING, CallPhase.ANSWERED, CallPhase.ENDED)
    ]
    assert isinstance(got[-1], Gap)
    first, gap = [event async for event in slow]
    assert isinstance(first, CallEvent)
    assert isinstance(gap, Gap)
    assert (gap.lost, gap.reason, gap.since) == (4, "not_taken", 1.0)
    assert [event async for event in dispatcher.call_events()] == []


@virtual_time
async def test_gap_stands_where_events_are_lost() -> None:
    """A gap for lost events stands between those before and those after."""
    scripted = ScriptedPABX()
    dispatcher = scripted.connect(make_dispatcher(scripted, pabx_with_events()))
    events = dispatcher.call_events(2)
    for number in range(4):
        scripted.tell(CallPhase.STARTED, str(number))
    first = await anext(events)
    scripted.tell(CallPhase.STARTED, "4")
    dispatcher.stop_events()

    got = [first, *[event async for event in events]]
    assert [one.call_id if isinstance(one, CallEvent) else one.lost for one in got] == [
        "0",
        "1",
        2,
        "4",
    ]
