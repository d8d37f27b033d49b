"""How one event channel is kept open and read, in virtual time."""

import asyncio
import contextlib
import gc
import json
import logging
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from scripted_channels import (
    OPENED,
    Channel,
    ScriptedChannels,
    make_reader,
    make_settings,
    opened,
)
from virtual_time import virtual_time

from digitro_async import (
    CallEvent,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    ConfigurationError,
    Gap,
    OtherEvent,
)
from digitro_async.call_events import Heartbeat
from digitro_async.events import ChannelState, EventReader
from digitro_async.protocol import OutgoingRequest
from digitro_async.transport import StreamError

HEARTBEAT = b"data: {}\n\n"
CALL_ENDED = b'event: ended\ndata: {"call": "a"}\n\n'


@contextlib.asynccontextmanager
async def running(reader: EventReader) -> AsyncIterator[asyncio.Task[None]]:
    """Run a reader, and close it."""
    task = asyncio.create_task(reader.run())
    try:
        yield task
    finally:
        await reader.aclose()
        await task


def told(events: list[ChannelEvent]) -> list[str]:
    """Return what was told, one word for each event."""
    words = []
    for event in events:
        if isinstance(event, ChannelOpened):
            words.append(f"opened {event.channel_id}")
        elif isinstance(event, ChannelClosed):
            words.append(f"closed {event.channel_id} {event.reason}")
        elif isinstance(event, Gap):
            words.append(f"gap {event.reason}")
        else:
            words.append(type(event).__name__)
    return words


async def read_for(
    seconds: float, channels: ScriptedChannels, **options: Any
) -> list[ChannelEvent]:
    """Run a reader for some seconds and return what it told."""
    events: list[ChannelEvent] = []
    settings = make_settings(**options)
    reader = make_reader(channels, settings, events.append)
    async with running(reader):
        await asyncio.sleep(seconds)
    assert channels.open_now == 0
    assert channels.most_open <= 1
    assert reader.state is ChannelState.CLOSED
    return events


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


SUBSCRIPTION = {
    "request": {
        "method": "POST",
        "path": "/subscribe",
        "body": {"subscription": {"channel_id": "{channel_id}"}},
    },
    "expires_field": "response.expires",
    "id_field": "response.id",
    "renewal_id_field": "subscription.id",
    "success_field": "response.status",
}


def done(**changes: Any) -> bytes:
    """Return the answer to a subscription that worked."""
    response = {"status": "OK", "id": "s1", "expires": 100, **changes}
    return json.dumps({"response": response}).encode()


@virtual_time
async def test_subscription_and_its_renewal() -> None:
    """A channel is open once it is subscribed to; the subscription is renewed."""

    async def answer(request: OutgoingRequest) -> tuple[int, bytes]:
        await asyncio.sleep(1.0)
        return 200, done()

    channels = ScriptedChannels([Channel([OPENED, 400.0])], answers=answer)
    events = await read_for(
        170.0, channels, subscription=SUBSCRIPTION, read_timeout=None
    )

    [first, *_] = events
    assert told(events) == ["opened 17", "closed 17 closed"]
    bodies = [(at, json.loads(body)) for at, _, _, body in channels.asked if body]
    assert bodies == [
        (0.0, {"subscription": {"channel_id": 17}}),
        (51.0, {"subscription": {"channel_id": 17, "id": "s1"}}),
        (102.0, {"subscription": {"channel_id": 17, "id": "s1"}}),
        (153.0, {"subscription": {"channel_id": 17, "id": "s1"}}),
    ]
    assert first.seen_at == 0.0


@virtual_time
async def test_a_subscription_that_is_refused() -> None:
    """A failure in a 200 counts as one: the channel is closed, and tried much later."""

    async def answer(request: OutgoingRequest) -> tuple[int, bytes]:
        return 200, done(status="error")

    channels = ScriptedChannels([Channel([OPENED, 99.0])] * 2, answers=answer)
    events = await read_for(
        76.0, channels, subscription=SUBSCRIPTION, close="/close/{channel_id}"
    )

    assert told(events) == ["closed None subscription_refused"] * 2
    assert channels.paths == ["GET /open", "POST /subscribe", "GET /close/17"] * 2
    assert channels.asked[3][0] == 75.0


@virtual_time
async def test_a_renewal_is_tried_again_and_its_loss_is_told() -> None:
    """A renewal that is not answered is tried twice more; then the channel is lost."""
    renewals = 0

    async def answer(request: OutgoingRequest) -> tuple[int, bytes]:
        nonlocal renewals
        renewals += 1
        if renewals in {2, 4, 5, 6}:
            raise StreamError(reason="reset")
        return 200, done()

    channels = ScriptedChannels(
        [Channel([OPENED, 900.0]), Channel([opened(18), 900.0])], answers=answer
    )
    events = await read_for(
        220.0, channels, subscription=SUBSCRIPTION, read_timeout=None
    )

    closed = next(event for event in events if isinstance(event, ChannelClosed))
    assert (closed.reason, closed.seen_at) == ("subscription_lost", 165.0)
    assert told(events)[2:] == ["opened 18", "gap channel_lost", "closed 18 closed"]


def a_day_of(reconnects: int) -> Iterator[Channel]:
    """Yield the channels of a day: a heartbeat each minute, and some calls."""
    lasting = 86_400 / (reconnects + 1) - 1.0
    for number in range(reconnects + 1):
        yield Channel(steps_of_a_channel(number, lasting))


def steps_of_a_channel(number: int, lasting: float) -> Iterator[bytes | float]:
    """Yield the steps of one channel."""
    yield opened(number)
    left = lasting
    while left > 60:
        yield 60.0
        yield HEARTBEAT
        yield CALL_ENDED
        left -= 60
    yield max(0.0, left)


@virtual_time
async def test_a_day_with_200_reconnects() -> None:
    """A day of heartbeats with 200 reconnects leaves no task and no memory behind."""
    channels = ScriptedChannels(a_day_of(200))
    counts: dict[type, int] = {}
    growth: list[int] = []
    tasks: list[int] = []

    def sink(event: ChannelEvent) -> None:
        counts[type(event)] = counts.get(type(event), 0) + 1
        if isinstance(event, ChannelOpened) and event.channel_id in {50, 199}:
            del channels.asked[:]
            gc.collect()
            growth.append(tracemalloc.get_traced_memory()[0])
            tasks.append(len(asyncio.all_tasks()))

    reader = make_reader(channels, make_settings(read_timeout=90.0), sink)
    tracemalloc.start()
    try:
        async with running(reader):
            await asyncio.sleep(86_390)
            assert reader.channel_id == 200
    finally:
        tracemalloc.stop()

    assert counts[ChannelOpened] == counts[ChannelClosed] == 201
    assert counts[Gap] == 200
    assert counts[Heartbeat] == counts[CallEvent] > 1_200
    assert OtherEvent not in counts
    assert tasks[0] == tasks[1]
    assert growth[1] - growth[0] < 20_000
    assert channels.most_open == 1


@virtual_time
async def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each end is logged with its reason and the back-off, and nothing else."""
    caplog.set_level(logging.INFO, "digitro_async")
    channels = ScriptedChannels([Channel([OPENED, CALL_ENDED])])

    await read_for(0.5, channels)

    [line] = caplog.messages
    assert line == (
        "PABX one: its event channel ended (stream_ended), and is opened again in 1.0 s"
    )
