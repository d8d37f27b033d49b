import asyncio

from leak_places import Watch
from leaks import API_KEY, call_with_canaries

from digitro_async import (
    ClientEvent,
    DigitroClient,
    DigitroError,
    EventKind,
    PauseSettings,
    RetrySettings,
)
from digitro_async.testing import FakePABX, Fault, FaultPlan

SOON = PauseSettings(unknown_run=1, not_sent_run=1, rejected_run=1, first_pause=0.01)
ONCE = RetrySettings(max_attempts=1)
STATUSES = (400, 401, 403, 404, 500)


async def test_events_and_health() -> None:
    """Neither an event nor a health shows a key, a number or what a PABX wrote."""
    events: list[ClientEvent] = []
    with Watch() as watch:
        watch.listen_to(asyncio.get_running_loop())
        async with (
            FakePABX(api_key=API_KEY) as fake,
            DigitroClient(
                fake.settings(), pause=SOON, retry=ONCE, on_event=events.append
            ) as client,
        ):
            faults = [Fault("status", status=status) for status in STATUSES]
            for fault in (*faults, Fault("lose_answer"), Fault("reset_on_connect")):
                fake.set_faults(FaultPlan([fault]))
                try:
                    await client.make_predictive_call(call_with_canaries())
                except DigitroError:
                    watch.take("health", client.health())
                client.resume()
            await asyncio.sleep(0)
        for event in events:
            watch.take("event", event)

    kinds = {event.kind for event in events}
    assert {EventKind.PAUSED, EventKind.RESUMED, EventKind.CHANNEL_MISSING} <= kinds
    assert watch.leaks() == []
