"""What observers are told of runs of a campaign, and of event channels."""

from pathlib import Path

import attrs
from campaigns import CALL, NEVER, contacts
from dispatch_scene import make_dispatcher
from helpers import ScriptedTransport, make_call, make_pabx, take_into
from simulated_events import dialect
from virtual_time import virtual_time

from digitro_async import (
    Activity,
    CallEnded,
    CallResult,
    Campaign,
    ChannelClosed,
    ChannelOpened,
    ClientEvent,
    DigitroClient,
    EventKind,
    Gap,
    LedgerError,
)
from digitro_async.ledger import MemoryLedger, SQLiteLedger
from digitro_async.observe import CallSettled
from digitro_async.testing import CallScript, FakePABX

RUN_KINDS = {
    *(EventKind.RUN_BEGAN, EventKind.RUN_DRAINS, EventKind.RUN_AWAITS_ENDS),
    EventKind.RUN_ENDED,
}


def states(told: list[Activity]) -> list[tuple[str, str]]:
    """Return the kinds and reasons of what was told of runs."""
    return [
        (one.kind.value, one.reason)
        for one in told
        if isinstance(one, ClientEvent) and one.kind in RUN_KINDS
    ]


@virtual_time
async def test_a_run_to_its_end() -> None:
    """A run begins, waits for the ends of its calls, and is done, under one id."""
    told: list[Activity] = []
    async with (
        MemoryLedger() as ledger,
        DigitroClient(make_pabx(), transport=ScriptedTransport()) as client,
    ):
        client.activity.observe(told.extend)
        campaign = Campaign(ledger, client, call=CALL)
        await campaign.add(contacts(3))
        async with campaign.run() as run:
            await take_into([], run)
        client.activity.flush()

    assert states(told) == [
        ("run_began", ""),
        ("run_awaits_ends", ""),
        ("run_ended", "done"),
    ]
    runs = {one.run for one in told if isinstance(one, ClientEvent) and one.run}
    assert runs == {run.owner.id}
    assert sum(isinstance(one, CallSettled) for one in told) == 3


@virtual_time
async def test_a_run_that_is_left_early() -> None:
    """A run that is drained says so, once, and stopped in the end."""
    told: list[Activity] = []
    async with (
        MemoryLedger() as ledger,
        DigitroClient(
            make_pabx(max_in_flight=1), transport=ScriptedTransport(latency=1.0)
        ) as client,
    ):
        client.activity.observe(told.extend, ClientEvent)
        campaign = Campaign(ledger, client, call=CALL)
        await campaign.add(contacts(50))
        async with campaign.run() as run:
            await anext(run)
            run.drain()
            run.drain()
        client.activity.flush()

    assert states(told) == [
        ("run_began", ""),
        ("run_drains", ""),
        ("run_ended", "stopped"),
    ]


async def test_a_run_whose_ledger_is_gone(tmp_path: Path) -> None:
    """The end of a run whose ledger can't be written says that."""
    told: list[Activity] = []
    taken: list[CallResult] = []
    path = tmp_path / "one.db"
    pabx, transport = make_pabx(max_in_flight=2), ScriptedTransport(latency=0.005)
    async with DigitroClient(pabx, transport=transport, pause=NEVER) as client:
        client.activity.observe(told.extend, ClientEvent)
        try:
            async with SQLiteLedger(path) as ledger:
                campaign = Campaign(ledger, client, call=CALL)
                await campaign.add(contacts(5_000))
                async with campaign.run() as results:
                    taken.append(await anext(results))
                    path.unlink()
                    await take_into(taken, results)
        except LedgerError:
            pass

    assert states(told)[-1] == ("run_ended", "ledger_failed")
    kinds = [one.kind for one in told if isinstance(one, ClientEvent)]
    assert EventKind.LEDGER_FAILED in kinds


@virtual_time
async def test_an_event_channel() -> None:
    """A channel that opens is told, and so is what became of a call."""
    told: list[Activity] = []
    script = CallScript(setup=0.1, dial=0.5, ring=(1.0, 5.0), talk=(2.0, 15.0))
    settings = dialect(end_timeout=60.0)
    async with (
        FakePABX(events=settings, call_script=script, idle_timeout=10**6) as fake,
        DigitroClient(fake.settings()) as client,
    ):
        client.activity.observe(told.extend, ClientEvent, CallEnded)
        async with client.dispatch([make_call()], wait_for_end=True) as results:
            (result,) = [one async for one in results]

    kinds = [one.kind for one in told if isinstance(one, ClientEvent)]
    (ended,) = [one for one in told if isinstance(one, CallEnded)]
    assert EventKind.CHANNEL_OPENED in kinds
    assert result.end is not None
    assert ended.pabx == "simulator"
    assert ended.disposition is result.end.disposition
    assert ended.ring_seconds == result.end.ring_seconds
    assert ended.talk_seconds == result.end.talk_seconds


@virtual_time
async def test_a_channel_that_is_lost() -> None:
    """A channel that ends and events that may be missing are told with their reason."""
    told: list[Activity] = []
    with_events = attrs.evolve(make_pabx(), events=dialect())
    dispatcher = make_dispatcher(ScriptedTransport(), with_events)
    dispatcher.activity.observe(told.extend, ClientEvent)
    for event in (
        ChannelOpened(pabx="one", seen_at=1.0, channel_id=7),
        ChannelClosed(pabx="one", seen_at=1.0, channel_id=7, reason="silence"),
        Gap(pabx="one", seen_at=1.0, since=0.5, reason="silence"),
    ):
        dispatcher.take_event(event)
    dispatcher.activity.flush()

    reasons = {one.kind: one.reason for one in told if isinstance(one, ClientEvent)}
    assert reasons[EventKind.CHANNEL_OPENED] == ""
    assert reasons[EventKind.CHANNEL_CLOSED] == "silence"
    assert reasons[EventKind.EVENTS_MISSED] == "silence"
