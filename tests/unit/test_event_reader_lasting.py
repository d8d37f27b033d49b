"""Subscriptions that are renewed, and a channel of a whole day, in virtual time."""

import asyncio
import gc
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
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
    CallEvent,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    Gap,
    OtherEvent,
)
from digitro_async.call_events import Heartbeat
from digitro_async.protocol import OutgoingRequest
from digitro_async.transport import StreamError

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


@pytest.mark.parametrize("flood", [HEARTBEAT, CALL_ENDED, b":\n", b"\r"])
def test_a_flood_lets_other_tasks_run(flood: bytes) -> None:
    """However much comes at once, other tasks run while it is read."""

    @virtual_time
    async def run() -> None:
        turns = 0
        turns_seen: list[int] = []

        async def other_task() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        channels = ScriptedChannels([Channel([OPENED, flood * 20_000, OPENED, 99.0])])
        reader = make_reader(
            channels, None, lambda _: turns_seen.append(turns), on_piece=pieces.append
        )
        other = asyncio.create_task(other_task())
        async with running(reader):
            while len(pieces) < 4:  # noqa: ASYNC110 - each turn is one of the loop's
                await asyncio.sleep(0)
        other.cancel()
        assert turns - turns_seen[0] >= len(flood) * 20_000 // 4096
        assert max(Counter(turns_seen).values()) <= 64

    pieces: list[bytes] = []
    run()
