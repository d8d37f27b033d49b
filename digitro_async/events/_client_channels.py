"""EventChannels: the event channels of all PABX of one client."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from digitro_async._common.base_url import address_of
from digitro_async.call_events import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    Heartbeat,
)
from digitro_async.events._reader import EventReader
from digitro_async.models import PABX
from digitro_async.observe import LOGGER
from digitro_async.transport import ChannelTransport

__all__ = ["EventChannels"]

SetChannelId = Callable[[int | None, str], object]
Follow = Callable[[str, Callable[[int], object]], object]


class EventChannels:
    """Holds one event channel for each PABX with ``events``, and follows its id.

    PABX at one address with the same key and settings share one channel, because the
    vendor limits channels by licences.

    Args:
        pabx: The PABX of the client.
        transport: Makes the requests.
        set_channel_id: Told the id of a channel that opened, and None for one that
            ended before ``aclose``, with the name of each PABX whose commands go over
            it.
        observers: Told each event but heartbeats, in order, in the event loop. What
            they raise ends nothing.
    """

    def __init__(
        self,
        pabx: Iterable[PABX],
        transport: ChannelTransport,
        set_channel_id: SetChannelId,
        observers: Iterable[Callable[[ChannelEvent], object]] = (),
    ) -> None:
        self._set_channel_id = set_channel_id
        self._observers = list(observers)
        self._complained: set[str] = set()
        self._is_closing = False
        self._readers: list[EventReader] = []
        self._followers: dict[str, list[str]] = {}  # by the PABX that is read
        self._tasks: set[asyncio.Task[None]] = set()
        for one in pabx:
            if one.events is None:
                continue
            reader = self._reader_beside(one)
            if reader is None:
                reader = EventReader(one, one.events, transport, self._take)
                self._readers.append(reader)
                self._followers[one.name] = []
            if one.channel_id is None:
                self._followers[reader.pabx.name].append(one.name)

    def start(self, follow: Follow) -> None:
        """Begin to open the channels, in the running loop.

        Args:
            follow: Told the name of each PABX whose id will be given, with a function
                that takes an id which its commands found dead.
        """
        for reader in self._readers:
            for name in self._followers[reader.pabx.name]:
                follow(name, reader.reopen)
            task = asyncio.create_task(reader.run())
            self._tasks.add(task)
            task.add_done_callback(partial(self._note_end, reader))

    async def aclose(self) -> None:
        """Close every channel."""
        self._is_closing = True
        await asyncio.gather(*(reader.aclose() for reader in self._readers))

    def _reader_beside(self, pabx: PABX) -> EventReader | None:
        """Return the reader of a channel that a PABX can share."""
        for reader in self._readers:
            other = reader.pabx
            if (
                address_of(other.base_url) == address_of(pabx.base_url)
                and other.api_key == pabx.api_key
                and other.tls == pabx.tls
                and other.events == pabx.events
            ):
                return reader
        return None

    def _take(self, event: ChannelEvent) -> None:
        if isinstance(event, Heartbeat):
            return
        # No call is left to wait for another one when the client closes its channels.
        if isinstance(event, ChannelClosed) and not self._is_closing:
            self._set_ids(event.pabx, None)
        for observer in self._observers:
            try:
                observer(event)
            except Exception as error:  # noqa: BLE001 - the next one is told all the same
                self._complain(type(error).__name__)
        if isinstance(event, ChannelOpened):
            # Whoever follows calls knows of the channel before the first call goes out.
            self._set_ids(event.pabx, event.channel_id)

    def _set_ids(self, pabx: str, channel_id: int | None) -> None:
        for name in self._followers[pabx]:
            self._set_channel_id(channel_id, name)

    def _complain(self, problem: str) -> None:
        if problem not in self._complained:
            self._complained.add(problem)
            LOGGER.error("an observer of events raised %s; it is told more", problem)

    def _note_end(self, reader: EventReader, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # its text may hold anything
            LOGGER.error(
                "PABX %s: its event channel is read no more (%s)",
                reader.pabx.name,
                type(error).__name__,
            )
