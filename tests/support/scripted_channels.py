"""A transport of event channels that follows a script, in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any

import attrs
from helpers import make_pabx

from digitro_async import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    EventChannelSettings,
    Gap,
    load_event_preset,
)
from digitro_async.events import ChannelState, EventReader
from digitro_async.models import PABX
from digitro_async.protocol import OutgoingRequest
from digitro_async.transport import StreamError

__all__ = [
    "CALL_ENDED",
    "HEARTBEAT",
    "OPENED",
    "Channel",
    "ScriptedChannels",
    "make_reader",
    "make_settings",
    "opened",
    "read_for",
    "running",
    "told",
]

Step = bytes | float | StreamError
"""Bytes that come, seconds of silence, or how the stream breaks off."""


def opened(channel_id: int | str = 17) -> bytes:
    """Return an opening event."""
    return f'event: opened\ndata: {{"id": "{channel_id}"}}\n\n'.encode()


OPENED = opened()
HEARTBEAT = b"data: {}\n\n"
CALL_ENDED = b'event: ended\ndata: {"call": "a"}\n\n'


@attrs.define
class Channel:
    """One channel: what its stream does, step by step, and then ends.

    Attributes:
        steps: The steps.
        answer: The status that refuses it, None where it is opened.
    """

    steps: Iterable[Step] = ()
    refusal: StreamError | None = None
    delay: float = 0.0


class _Stream:
    def __init__(self, owner: "ScriptedChannels", steps: Iterable[Step]) -> None:
        self._owner = owner
        self._steps = iter(steps)
        self.is_closed = False

    async def read(self) -> bytes:
        for step in self._steps:
            if isinstance(step, bytes):
                return step
            if isinstance(step, StreamError):
                raise step
            await asyncio.sleep(step)
        return b""

    async def aclose(self) -> None:
        assert not self.is_closed
        self.is_closed = True
        self._owner.open_now -= 1


class ScriptedChannels:
    """Opens one channel of the script after the other, and then none.

    Attributes:
        asked: Method, path and body of each request that was sent.
        open_now: Number of streams that are open.
        most_open: The most that were open at once.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        *,
        answers: Callable[[OutgoingRequest], Coroutine[Any, Any, tuple[int, bytes]]]
        | None = None,
    ) -> None:
        self._channels = iter(channels)
        self._answers = answers
        self.asked: list[tuple[float, str, str, bytes | None]] = []
        self.open_now = self.most_open = 0

    async def open_stream(self, pabx: PABX, request: OutgoingRequest) -> _Stream:
        """Open the next channel of the script."""
        self._note(request)
        channel = next(self._channels, None)
        if channel is None:
            raise StreamError(reason="refused")
        await asyncio.sleep(channel.delay)
        if channel.refusal is not None:
            raise channel.refusal
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        return _Stream(self, channel.steps)

    async def ask(self, pabx: PABX, request: OutgoingRequest) -> tuple[int, bytes]:
        """Answer a request as the script says, or with 200."""
        self._note(request)
        if self._answers is None:
            return 200, b"{}"
        return await self._answers(request)

    @property
    def paths(self) -> list[str]:
        """Method and path of each request."""
        return [f"{method} {path}" for _, method, path, _ in self.asked]

    def _note(self, request: OutgoingRequest) -> None:
        now = asyncio.get_running_loop().time()
        path = request.url.partition("//")[2].partition("/")[2]
        self.asked.append((now, request.method, f"/{path}", request.body))


def make_settings(**changes: Any) -> EventChannelSettings:
    """Return settings of a plain made-up dialect."""
    given: dict[str, Any] = {
        "open": "/open",
        "opened_names": "opened",
        "closed_names": "closed",
        "id_fields": "id",
        "call_id_fields": "call",
        "call_phases": {"ended": "ended"},
        **changes,
    }
    preset = given.pop("preset", "pabx")
    return load_event_preset(preset, **given)


def make_reader(
    channels: ScriptedChannels,
    settings: EventChannelSettings | None = None,
    sink: Callable[[ChannelEvent], object] = lambda _: None,
    **options: Any,
) -> EventReader:
    """Return a reader in virtual time whose back-offs have no jitter."""
    return EventReader(
        attrs.evolve(make_pabx(), channel_id=None),
        make_settings() if settings is None else settings,
        channels,
        sink,
        chance=lambda: 1.0,
        wall=lambda: asyncio.get_running_loop().time(),
        **options,
    )


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
