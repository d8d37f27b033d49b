"""The event channels that are open at the simulator, and their licences."""

import asyncio
from collections import deque
from collections.abc import Iterator

import attrs

from digitro_async.testing.simulator._event_delivery import EventDelivery
from digitro_async.testing.simulator._event_writing import EventWriting
from digitro_async.testing.simulator._tcp_connection import SimulatorConnection

__all__ = ["ChannelCounts", "SimulatedChannel", "SimulatedChannels"]

_LAST_CHUNK = b"0\r\n\r\n"
_CHUNK_BYTES = 65_536


@attrs.define(kw_only=True)
class ChannelCounts:
    """Counts of the event channels of one simulator.

    Attributes:
        opened: Channels that were opened.
        refused: Requests for a channel that were refused.
        closed: Channels that a close request ended.
        left: Channels whose client ended the connection.
        dropped: Channels that the simulator ended.
        open: Channels that are open.
        most_open: Most channels that were open at once.
    """

    opened: int = 0
    refused: int = 0
    closed: int = 0
    left: int = 0
    dropped: int = 0
    open: int = 0
    most_open: int = 0


class SimulatedChannel:
    """Sends events over one connection, as the chunks of one answer.

    Args:
        channel_id: Its id.
        connection: The connection.

    Attributes:
        channel_id: Its id.
        is_subscribed: Whether events about calls are wanted.
        is_muted: Whether nothing is sent any more.
        has_ended_whole: Whether its answer has ended as HTTP wants it, so that its
            connection can take another request.
    """

    def __init__(self, channel_id: int, connection: SimulatorConnection) -> None:
        self.channel_id = channel_id
        self.is_subscribed = False
        self.is_muted = False
        self.has_ended_whole = False
        self._connection = connection
        self._over = asyncio.get_running_loop().create_future()
        self._behind_split: deque[bytes] | None = None

    def send(self, frame: bytes) -> None:
        """Send a frame, behind one that is being split."""
        if self._behind_split is not None:
            self._behind_split.append(frame)
        else:
            self._write(frame)

    def send_split(self, frame: bytes, pause: float) -> None:
        """Send a frame byte by byte, with a pause after each."""
        if self._behind_split is not None:
            self._behind_split.append(frame)
            return
        self._behind_split = deque()
        self._send_byte(frame, 0, pause)

    def _send_byte(self, frame: bytes, number: int, pause: float) -> None:
        if self.is_over:
            return
        if number < len(frame):
            self._write(frame[number : number + 1])
            loop = asyncio.get_running_loop()
            loop.call_later(pause, self._send_byte, frame, number + 1, pause)
            return
        waiting, self._behind_split = self._behind_split or (), None
        for behind in waiting:
            self._write(behind)

    def _write(self, data: bytes) -> None:
        if self.is_muted or self.is_over:
            return
        for start in range(0, len(data), _CHUNK_BYTES):
            part = data[start : start + _CHUNK_BYTES]
            self._connection.write(b"%x\r\n%b\r\n" % (len(part), part))

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._over.done()

    async def wait_for_end(self) -> None:
        """Wait until the simulator ends it."""
        await self._over

    def end(self) -> None:
        """End it after all that was sent."""
        if not self.is_over:
            if not self.is_muted:
                self._connection.write(_LAST_CHUNK)
                self.has_ended_whole = True
            self._over.set_result(None)

    def reset(self) -> None:
        """End its connection with RST."""
        if not self.is_over:
            self._over.set_result(None)
            self._connection.reset()


class SimulatedChannels:
    """Gives channels their ids and licences, and knows which are open.

    Args:
        delivery: Number of licences, and how they are given back.
        writing: Writes the events that open and close a channel.
        first_id: Id of the first channel.

    Attributes:
        counts: Counts of the channels so far.
        open_ids: Ids of the channels that are open.
        last_id: The largest id that was given so far.
    """

    def __init__(
        self, delivery: EventDelivery, writing: EventWriting, first_id: int
    ) -> None:
        self.counts = ChannelCounts()
        self.open_ids: set[int] = set()
        self.last_id = first_id - 1
        self._delivery = delivery
        self._writing = writing
        self._open: dict[int, SimulatedChannel] = {}
        self._kept_licences = 0

    def __iter__(self) -> Iterator[SimulatedChannel]:
        return iter(list(self._open.values()))

    @property
    def has_licence(self) -> bool:
        """Whether a further channel may be opened."""
        used = len(self._open) + self._kept_licences
        return used < self._delivery.max_channels

    def next_id(self, *, is_reused: bool = False) -> int:
        """Return the id of the next channel, or that of the last one once more."""
        if not is_reused or not self.counts.opened:
            self.last_id += 1
        return self.last_id

    def open(self, channel: SimulatedChannel) -> None:
        """Take a channel in, and send its opening event."""
        self._open[channel.channel_id] = channel
        self.open_ids.add(channel.channel_id)
        self.last_id = max(self.last_id, channel.channel_id)
        self.counts.opened += 1
        self.counts.open = len(self._open)
        self.counts.most_open = max(self.counts.most_open, self.counts.open)
        channel.send(self._writing.opened(channel.channel_id))

    def find(self, channel_id: int) -> SimulatedChannel | None:
        """Return the open channel of that id, None without one."""
        return self._open.get(channel_id)

    def close(self, channel: SimulatedChannel) -> None:
        """End a channel as its client asked."""
        if self._remove(channel):
            self.counts.closed += 1
            channel.send(self._writing.closed(channel.channel_id))
            channel.end()

    def leave(self, channel: SimulatedChannel) -> None:
        """Take note that a channel's client ended the connection."""
        if self._remove(channel):
            self.counts.left += 1
            if self._delivery.kept_licence is not None:
                self._kept_licences += 1
                loop = asyncio.get_running_loop()
                loop.call_later(self._delivery.kept_licence, self._give_back)

    def drop(self, channel: SimulatedChannel, *, with_event: bool = False) -> None:
        """End a channel that nobody asked to end: with RST, or with an event."""
        if not self._remove(channel):
            return
        self.counts.dropped += 1
        if with_event:
            channel.send(self._writing.closed(channel.channel_id))
            channel.end()
        else:
            channel.reset()

    def _give_back(self) -> None:
        self._kept_licences -= 1

    def _remove(self, channel: SimulatedChannel) -> bool:
        """Forget a channel, and return whether it was open."""
        if self._open.get(channel.channel_id) is not channel:
            return False
        del self._open[channel.channel_id]
        self.open_ids.discard(channel.channel_id)
        self.counts.open = len(self._open)
        return True
