"""How one event channel is kept open and read, in virtual time."""

import asyncio
import logging
from typing import Any

import pytest
from scripted_channels import (
    CALL_ENDED,
    HEARTBEAT,
    OPENED,
    Channel,
    ScriptedChannels,
    make_reader,
    make_settings,
    opened,
    read_for,
    running,
    told,
)
from virtual_time import virtual_time

from digitro_async import (
    ChannelClosed,
    ChannelEvent,
    ConfigurationError,
    Gap,
)
from digitro_async.events import ChannelState
from digitro_async.protocol import OutgoingRequest
from digitro_async.transport import StreamError


@virtual_time
async def test_events_in_order() -> None:
    """What comes is told in order, and the end of the reading is told last."""
    channels = ScriptedChannels(
        [Channel([OPENED + HEARTBEAT, CALL_ENDED[:7], CALL_ENDED[7:], 1000.0])]
    )

    events = await read_for(5.0, channels)

    assert told(events) == ["opened 17", "Heartbeat", "CallEvent", "closed 17 closed"]


@virtual_time
async def test_a_lost_channel_is_opened_again_with_a_gap() -> None:
    """A channel that ends is opened again after a back-off, and a gap says so."""
    channels = ScriptedChannels(
        [
            Channel([OPENED, 3.0, HEARTBEAT]),
            Channel([opened(18), CALL_ENDED, 2.0, StreamError(reason="reset")]),
            Channel([opened(18), 500.0]),
        ]
    )

    events = await read_for(20.0, channels, read_timeout=600.0)

    assert told(events) == [
        *("opened 17", "Heartbeat", "closed 17 stream_ended"),
        *("opened 18", "gap channel_lost", "CallEvent", "closed 18 reset"),
        *("opened 18", "gap channel_lost", "closed 18 closed"),
    ]
    gaps = [event for event in events if isinstance(event, Gap)]
    assert [(gap.since, gap.seen_at, gap.lost) for gap in gaps] == [
        (3.0, 4.0, None),
        (4.0, 8.0, None),
    ]


@virtual_time
async def test_silence_ends_a_channel() -> None:
    """A channel that is silent for too long is lost; heartbeats keep it."""
    channels = ScriptedChannels(
        [Channel([OPENED, 9.0, b":\n", 9.0, b"x", 9.0, b"\n", 11.0, CALL_ENDED])]
    )

    events = await read_for(60.0, channels, read_timeout=10.0)

    closed = next(event for event in events if isinstance(event, ChannelClosed))
    assert (closed.reason, closed.seen_at) == ("silence", 37.0)
    assert "CallEvent" not in told(events)


@virtual_time
async def test_silence_without_a_watchdog() -> None:
    """Where no limit is set, silence is waited out."""
    channels = ScriptedChannels([Channel([OPENED, 86_400.0, CALL_ENDED, 9.0])])

    events = await read_for(86_405.0, channels, read_timeout=None)

    assert told(events) == ["opened 17", "CallEvent", "closed 17 closed"]


@pytest.mark.parametrize(
    ("channel", "reason", "next_at"),
    [
        (Channel([5.0, HEARTBEAT, 99.0]), "no_opening_event", 11.0),
        (Channel([HEARTBEAT]), "stream_ended", 1.0),
        (Channel(delay=60.0), "no_answer_in_time", 11.0),
        (Channel([b"event: opened\ndata: {}\n\n", 99.0]), "no_channel_id", 75.0),
        (
            Channel(refusal=StreamError(reason="status_409", status=409)),
            "status_409",
            75,
        ),
        (
            Channel(refusal=StreamError(reason="status_503", status=503)),
            "status_503",
            1,
        ),
        (Channel(refusal=StreamError(reason="refused")), "refused", 1.0),
        (
            Channel(
                refusal=StreamError(reason="status_429", status=429, retry_after=80)
            ),
            "status_429",
            75.0,
        ),
    ],
)
def test_channels_that_do_not_open(
    channel: Channel, reason: str, next_at: float
) -> None:
    """A channel that does not open is told, and tried again later or much later."""

    @virtual_time
    async def run() -> None:
        channels = ScriptedChannels([channel, Channel([OPENED, 99.0])])
        events = await read_for(next_at + 1, channels)

        closed = next(event for event in events if isinstance(event, ChannelClosed))
        assert (closed.channel_id, closed.reason) == (None, reason)
        assert [at for at, *_ in channels.asked] == [0.0, next_at]
        assert told(events)[-2:] == ["opened 17", "closed 17 closed"]

    run()


@virtual_time
async def test_it_is_closed_before_the_next_one_is_opened() -> None:
    """The old channel is closed before the next is opened, and a failure is fine."""

    async def refuse(request: OutgoingRequest) -> tuple[int, bytes]:
        await asyncio.sleep(1.0)
        raise StreamError(reason="refused")

    channels = ScriptedChannels(
        [Channel([OPENED, 3.0]), Channel([opened(18), 99.0])], answers=refuse
    )
    close = {"method": "POST", "path": "/close/{channel_id}", "body": {"id": 1}}

    events = await read_for(10.0, channels, close=close)

    assert channels.paths == [
        *("GET /open", "POST /close/17", "GET /open", "POST /close/18"),
    ]
    assert [round(at) for at, *_ in channels.asked] == [0, 3, 5, 10]
    assert told(events)[-1] == "closed 18 closed"


@virtual_time
async def test_the_end_that_an_event_tells() -> None:
    """A closing event ends the channel, unless it is about another one."""
    other = b'event: closed\ndata: {"id": 99}\n\n'
    mine = b'event: closed\ndata: {"id": 17}\n\n'
    channels = ScriptedChannels([Channel([OPENED, other, CALL_ENDED, mine, 99.0])])

    events = await read_for(0.5, channels)

    assert told(events) == ["opened 17", "CallEvent", "closed 17 closed_by_pabx"]


@virtual_time
async def test_another_id_on_the_same_channel() -> None:
    """An id that changes is followed, and one that is told again is no news."""
    channels = ScriptedChannels(
        [Channel([OPENED, OPENED, opened(18), HEARTBEAT, 99.0])]
    )

    events = await read_for(1.0, channels)

    assert told(events) == ["opened 17", "opened 18", "Heartbeat", "closed 18 closed"]


@virtual_time
async def test_a_dead_id_is_replaced() -> None:
    """A channel whose id is said to be dead is opened again; an old id says nothing."""
    channels = ScriptedChannels([Channel([OPENED, 99.0]), Channel([opened(18), 99.0])])
    events: list[ChannelEvent] = []
    reader = make_reader(channels, sink=events.append)
    async with running(reader):
        await asyncio.sleep(1.0)
        reader.reopen(17)
        reader.reopen(17)
        await asyncio.sleep(3.0)
        reader.reopen(17)
        await asyncio.sleep(3.0)
        assert reader.channel_id == 18

    assert told(events) == [
        *("opened 17", "closed 17 dead_id"),
        *("opened 18", "gap channel_lost", "closed 18 closed"),
    ]


@virtual_time
async def test_an_id_of_ones_own() -> None:
    """Where the client chooses the id, it stands in the request and counts as given."""
    channels = ScriptedChannels([Channel([b"event: opened\ndata: {}\n\n", 9.0])] * 2)

    events = await read_for(
        12.0, channels, open="/open?channel_id={channel_id}", chosen_ids=[5, 9]
    )

    assert channels.paths == ["GET /open?channel_id=9"] * 2
    assert told(events)[:2] == ["opened 9", "closed 9 stream_ended"]


@virtual_time
async def test_a_sink_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """What the sink raises ends nothing, and is logged once, without the event."""
    channels = ScriptedChannels([Channel([OPENED, CALL_ENDED, CALL_ENDED, 99.0])])
    seen: list[ChannelEvent] = []

    def sink(event: ChannelEvent) -> None:
        seen.append(event)
        raise ValueError("canary-4711")

    async with running(make_reader(channels, sink=sink)):
        await asyncio.sleep(1.0)

    assert told(seen) == ["opened 17", "CallEvent", "CallEvent", "closed 17 closed"]
    assert caplog.text.count("raised ValueError") == 1
    assert "canary" not in caplog.text


@virtual_time
async def test_settings_that_can_not_be_used() -> None:
    """A transport that refuses the settings is asked again much later."""

    class Refusing(ScriptedChannels):
        async def open_stream(self, *args: Any) -> Any:
            await super().open_stream(*args)
            raise ConfigurationError("no such file")

    channels = Refusing([Channel(), Channel()])
    events: list[ChannelEvent] = []
    async with running(make_reader(channels, sink=events.append)):
        await asyncio.sleep(80.0)

    assert told(events) == ["closed None bad_settings"] * 2
    assert [at for at, *_ in channels.asked] == [0.0, 75.0]


@virtual_time
async def test_a_reader_runs_once() -> None:
    """A reader runs once, and one that never ran can be closed."""
    reader = make_reader(ScriptedChannels([]))
    await reader.aclose()
    assert reader.state is ChannelState.CLOSED

    other = make_reader(ScriptedChannels([]))
    async with running(other):
        await asyncio.sleep(1.0)
        with pytest.raises(RuntimeError, match="once"):
            await other.run()


@virtual_time
async def test_a_cancelled_reader_closes_its_channel() -> None:
    """A task that is cancelled by somebody else closes the channel and is cancelled."""
    channels = ScriptedChannels([Channel([OPENED, 99.0])])
    reader = make_reader(channels, make_settings(close="/close/{channel_id}"))
    task = asyncio.create_task(reader.run())
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert channels.paths == ["GET /open", "GET /close/17"]
    assert channels.open_now == 0


@virtual_time
async def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each end is logged with its reason and the back-off, and nothing else."""
    caplog.set_level(logging.INFO, "digitro_async")
    channels = ScriptedChannels([Channel([OPENED, CALL_ENDED])])

    await read_for(0.5, channels)

    [line] = caplog.messages
    assert line == (
        "PABX one: its event channel ended (stream_ended); it is tried again in 1.0 s"
    )
