import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from simulated_events import (
    DIALECT,
    ENDED,
    STARTED,
    ChannelReader,
    all_become,
)
from virtual_time import virtual_time

from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.testing import EventDelivery, EventFaultKind, Fault, FaultPlan
from digitro_async.testing import FakePABX as Simulator

K = EventFaultKind


@asynccontextmanager
async def simulator(*faults: Fault, **options: Any) -> AsyncIterator[Simulator]:
    """Run a simulator with these faults, at which all calls end busy."""
    settings: dict[str, Any] = {
        "events": DIALECT,
        "call_script": all_become(Disposition.BUSY),
        "faults": FaultPlan(faults),
        "event_delivery": EventDelivery(heartbeat=None),
    }
    async with Simulator(**settings | options) as pabx:
        yield pabx


async def names(channel: ChannelReader, *, seconds: float = 100) -> list[str | None]:
    """Return the names of all events that come within some seconds of virtual time."""
    found: list[str | None] = []
    try:
        async with asyncio.timeout(seconds):
            while (event := await channel.event())[0] is not None:
                found.append(event[0])
    except TimeoutError:
        pass
    return found


async def refuse_channel(pabx: Simulator, channel: ChannelReader) -> None:
    """The request is refused, and counted."""
    assert channel.status == 403
    assert pabx.event_side.channels.refused == 1


async def no_opening_event(pabx: Simulator, channel: ChannelReader) -> None:
    """The stream is open, and nothing comes."""
    assert channel.status == 200
    assert await names(channel) == []
    assert pabx.event_side.channels.opened == 0


async def reused_channel_id(_: Simulator, channel: ChannelReader) -> None:
    """There is no id to use again yet: the channel has the first."""
    assert (await channel.event())[1] == {"CANAL": {"ID": 1}}


async def call(channel: ChannelReader) -> None:
    """Wait for the channel's id, and make a call over it."""
    await channel.event()
    assert (await channel.call(1))[0] == 200


async def lose_event(_: Simulator, channel: ChannelReader) -> None:
    """The first event is missing."""
    await call(channel)
    assert await names(channel) == [ENDED]


async def delay_event(_: Simulator, channel: ChannelReader) -> None:
    """A later event overtakes the first."""
    await call(channel)
    assert await names(channel) == [ENDED, STARTED]


async def duplicate_event(_: Simulator, channel: ChannelReader) -> None:
    """The first event comes twice."""
    await call(channel)
    assert await names(channel) == [STARTED, STARTED, ENDED]


async def reorder_events(_: Simulator, channel: ChannelReader) -> None:
    """The first event comes behind the second, well before its time is over."""
    await call(channel)
    assert await names(channel, seconds=4) == [ENDED, STARTED]


async def foreign_event(_: Simulator, channel: ChannelReader) -> None:
    """Before the first event comes one of another call to another number."""
    await channel.event()
    answer = (await channel.call(1))[1]
    (first, foreign), (second, own) = await channel.events(2)
    assert (first, second) == (STARTED, STARTED)
    assert own["CHAMADA"]["ID"] in answer.values()
    assert foreign["CHAMADA"]["ID"] not in answer.values()
    assert foreign["DESTINO"] != own["DESTINO"]


async def unknown_event(_: Simulator, channel: ChannelReader) -> None:
    """Before the first event comes one that the settings do not know."""
    await call(channel)
    unknown, *known = await names(channel)
    assert unknown not in {*DIALECT.call_phases, *DIALECT.opened_names}
    assert known == [STARTED, ENDED]


async def garbage_event(_: Simulator, channel: ChannelReader) -> None:
    """Before the first event comes one that is no text."""
    await call(channel)
    with pytest.raises(UnicodeDecodeError):
        (await channel.frame()).decode()
    assert await names(channel) == [STARTED, ENDED]


async def huge_event(_: Simulator, channel: ChannelReader) -> None:
    """Before the first event comes one of as many bytes as the rule says."""
    await call(channel)
    assert 100_000 < len(await channel.frame()) < 101_000
    assert await names(channel) == [STARTED, ENDED]


async def split_event(_: Simulator, channel: ChannelReader) -> None:
    """The first event comes whole, behind as many pauses as it has bytes."""
    await call(channel)
    loop = asyncio.get_running_loop()
    before = loop.time()
    frame = await channel.frame()
    assert loop.time() - before > 0.01 * len(frame)
    assert await names(channel) == [ENDED]


async def drop_channel(pabx: Simulator, channel: ChannelReader) -> None:
    """The channel is gone, its id is dead, and the next one has another."""
    await call(channel)
    assert await names(channel) == []
    assert (await channel.call(1))[0] == 404
    assert pabx.event_side.channels.dropped == 1
    async with ChannelReader(pabx) as after:
        assert (await after.event())[1] == {"CANAL": {"ID": 2}}


async def close_channel(pabx: Simulator, channel: ChannelReader) -> None:
    """The channel ends with a word."""
    await call(channel)
    assert await names(channel) == ["EVENTO_DE_FECHAMENTO"]
    assert pabx.event_side.channels.dropped == 1


async def mute_channel(pabx: Simulator, channel: ChannelReader) -> None:
    """Nothing comes, and the channel counts as open."""
    await call(channel)
    assert await names(channel) == []
    assert (await channel.call(1))[0] == 200
    assert pabx.event_side.channels.open == 1


Check = Callable[[Simulator, ChannelReader], Awaitable[None]]
CHECKS: Final[dict[EventFaultKind, tuple[dict[str, Any], Check]]] = {
    K.REFUSE_CHANNEL: ({}, refuse_channel),
    K.NO_OPENING_EVENT: ({}, no_opening_event),
    K.REUSED_CHANNEL_ID: ({}, reused_channel_id),
    K.LOSE_EVENT: ({}, lose_event),
    K.DELAY_EVENT: ({"pause": 5}, delay_event),
    K.DUPLICATE_EVENT: ({}, duplicate_event),
    K.REORDER_EVENTS: ({"pause": 50}, reorder_events),
    K.FOREIGN_EVENT: ({}, foreign_event),
    K.UNKNOWN_EVENT: ({}, unknown_event),
    K.GARBAGE_EVENT: ({}, garbage_event),
    K.HUGE_EVENT: ({"size": 100_000}, huge_event),
    K.SPLIT_EVENT: ({"pause": 0.01}, split_event),
    K.DROP_CHANNEL: ({}, drop_channel),
    K.CLOSE_CHANNEL: ({}, close_channel),
    K.MUTE_CHANNEL: ({}, mute_channel),
}


@pytest.mark.parametrize("kind", CHECKS)
@virtual_time
async def test_each_kind(kind: EventFaultKind) -> None:
    """Each kind of fault does on the wire what its text says, and is counted."""
    details, check = CHECKS[kind]
    async with (
        simulator(Fault(kind, at=1, **details)) as pabx,
        ChannelReader(pabx) as channel,
    ):
        await check(pabx, channel)

        assert pabx.summary().by_fault == {kind: 1}


@virtual_time
async def test_a_request_that_is_never_answered() -> None:
    """A request for a channel may get no answer at all."""
    async with simulator(Fault(K.STALL_CHANNEL)) as pabx:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1000), ChannelReader(pabx):
                pass
        assert pabx.event_side.channels.opened == 0


def test_every_kind_is_checked() -> None:
    """Every kind of fault of the event channel has its check."""
    assert {*CHECKS, K.STALL_CHANNEL} == set(EventFaultKind)


@virtual_time
async def test_an_id_is_used_again() -> None:
    """A channel may get the id of the channel before."""
    faults = [Fault(K.REUSED_CHANNEL_ID, at=2)]
    async with simulator(*faults) as pabx:
        for _ in range(2):
            async with ChannelReader(pabx) as channel:
                assert (await channel.event())[1] == {"CANAL": {"ID": 1}}
            pabx.event_side.drop_channels()


@virtual_time
async def test_events_of_one_number() -> None:
    """A fault may be of the events about calls to one number alone."""
    async with (
        simulator(Fault(K.LOSE_EVENT, destination="04832817001")) as pabx,
        ChannelReader(pabx) as channel,
    ):
        await channel.event()
        await channel.call(1, IDENTIDADE_DESTINO="04832817001")
        await channel.call(1, IDENTIDADE_DESTINO="04832817002")
        told = [data["DESTINO"] for _, data in await channel.events(2)]

        assert told == ["04832817002"] * 2
        assert pabx.event_side.due >= 3


@virtual_time
async def test_waiting_events_come_at_the_latest() -> None:
    """An event that waits for the next one comes after its pause without one."""
    script = all_become(Disposition.NONE_SEEN, dial=1000)
    faults = [Fault(K.REORDER_EVENTS, at=1, pause=5)]
    async with (
        simulator(*faults, call_script=script) as pabx,
        ChannelReader(pabx) as channel,
    ):
        await call(channel)

        assert await names(channel, seconds=7) == [STARTED]


@virtual_time
async def test_channels_are_ended_by_hand() -> None:
    """A test can drop, close or mute the channels that are open."""
    async with simulator() as pabx:
        async with ChannelReader(pabx) as channel:
            await channel.event()
            pabx.event_side.drop_channels()
            assert await channel.frame() == b""
        async with ChannelReader(pabx) as channel:
            await channel.event()
            pabx.event_side.close_channels()
            assert await names(channel) == ["EVENTO_DE_FECHAMENTO"]
        async with ChannelReader(pabx) as channel:
            await channel.event()
            pabx.event_side.mute_channels()
            await channel.call(3)
            assert await names(channel) == []
        assert pabx.event_side.channels.dropped == 2


@virtual_time
async def test_another_plan_while_it_runs() -> None:
    """Another plan holds for the events that come after it."""
    async with simulator() as pabx, ChannelReader(pabx) as channel:
        await call(channel)
        pabx.set_faults(FaultPlan([Fault(K.LOSE_EVENT)]))
        await asyncio.sleep(100)
        pabx.set_faults(None)
        await channel.call(1)

        assert await names(channel) == [STARTED, ENDED]


def test_faults_of_channels_from_a_file(tmp_path: Path) -> None:
    """A plan in TOML takes faults of calls and of the event channel alike."""
    file = tmp_path / "faults.toml"
    file.write_text(
        '[[fault]]\nkind = "lose_event"\nprobability = 0.05\n'
        '[[fault]]\nkind = "refuse_channel"\nstatus = 409\nat = 2\n'
        '[[fault]]\nkind = "lose_answer"\n'
    )

    kinds = [fault.kind for fault in FaultPlan.load(file).faults]

    assert kinds == ["lose_event", "refuse_channel", "lose_answer"]


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        (K.REFUSE_CHANNEL, {"destination": "1"}, "destination is not known to"),
        (K.LOSE_EVENT, {"placed": True}, "placed means nothing to"),
        (K.LOSE_EVENT, {"status": 500}, "status means nothing to"),
    ],
)
def test_rules_that_mean_nothing(
    kind: EventFaultKind, values: dict[str, Any], text: str
) -> None:
    """A rule with a field that means nothing to its kind is refused."""
    with pytest.raises(ConfigurationError, match=text):
        Fault(kind, **values)
