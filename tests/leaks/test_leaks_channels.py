import asyncio
from typing import Any

import attrs
from leak_places import Watch
from leaks import API_KEY, CANARIES, call_with_canaries
from simulated_events import DIALECT, SUBSCRIBED, all_become

from digitro_async import (
    ChannelRequest,
    ClientEvent,
    DigitroClient,
    DigitroError,
    Disposition,
    SessionManager,
)
from digitro_async.events import EventReader
from digitro_async.testing import EventFaultKind, FakePABX, Fault, FaultPlan

QUICK: dict[str, Any] = {
    "first_backoff": 0.01,
    "max_backoff": 0.02,
    "refused_backoff": 0.01,
    "open_timeout": 0.05,
}
SCRIPT = all_become(Disposition.BUSY, setup=0.001, dial=0.001, ring=0.001, talk=0.001)


async def test_channels_that_fail_in_every_way() -> None:
    """Whatever a channel does, no event, error or log shows a key or a number."""
    told: list[ClientEvent] = []
    seen: list[object] = []
    every = [*EventFaultKind]
    with Watch() as watch:
        watch.listen_to(asyncio.get_running_loop())
        for settings, kinds in ((DIALECT, every), (SUBSCRIBED, every[:4])):
            events = attrs.evolve(settings, **QUICK)
            async with FakePABX(
                api_key=API_KEY, events=events, call_script=SCRIPT
            ) as fake:
                pabx = fake.settings()
                async with DigitroClient(pabx, on_event=told.append) as client:
                    stream = client.call_events()
                    for kind in kinds:
                        fake.set_faults(FaultPlan([Fault(kind, at=[1])]))
                        try:
                            await client.make_predictive_call(
                                call_with_canaries(), max_wait=0.1
                            )
                        except DigitroError as error:
                            watch.take("error", error)
                        await asyncio.sleep(0.01)
                        watch.take("client", client)
                seen += [event async for event in stream]
        for event in (*told, *seen):
            watch.take("event", event)
        watch.take("settings", events)
        watch.take("PABX", pabx)

    assert len(seen) > 10
    assert watch.leaks() == []


async def test_headers_of_requests_are_in_no_repr() -> None:
    """What a request about a channel carries is not shown."""
    secret = CANARIES["device_password"].text.encode("ascii", "ignore").decode()
    request = ChannelRequest(path="/x", headers={"Authorization": secret})
    async with FakePABX(events=DIALECT, api_key=API_KEY) as fake:
        reader = EventReader(
            fake.settings(),
            attrs.evolve(DIALECT, open=request),
            SessionManager(),
            print,
        )
        with Watch() as watch:
            watch.take("request", request)
            watch.take("reader", reader)

    assert watch.leaks() == []
