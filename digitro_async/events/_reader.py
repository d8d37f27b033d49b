"""EventReader: keeps the event channel of one PABX open, and reads its events."""

import asyncio
import logging
import random
import time
from collections.abc import Callable

from digitro_async.call_events import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    ChannelReason,
    Gap,
    OtherEvent,
)
from digitro_async.errors import ClientClosedError, DigitroError
from digitro_async.event_settings import EventChannelSettings
from digitro_async.events._channel_course import (
    ChannelCourse,
    ChannelState,
    choose_id,
    is_refusal,
    renewal_times,
)
from digitro_async.events._channel_requests import ChannelRequests
from digitro_async.models import PABX
from digitro_async.observe import LOGGER
from digitro_async.protocol import (
    EventParser,
    EventReading,
    Failure,
    RawEvent,
    SubscriptionAnswer,
)
from digitro_async.transport import ByteStream, ChannelTransport, StreamError

__all__ = ["EventReader", "OnRawEvent"]

# A flood of events must not delay calls: after so many, other tasks run.
MOST_EVENTS_AT_ONCE, MOST_BYTES_AT_ONCE = 50, 4096

OnRawEvent = Callable[[RawEvent, ChannelEvent], object]
"""Takes an event as it came and what it means: PERSONAL DATA ARE OPEN."""


class EventReader:
    """Opens the event channel of a PABX, hands on its events, and opens it again.

    There is never more than one channel at a time. Where it is lost, it is closed as
    far as that can be done, and opened again after a back-off; the ``Gap`` that follows
    says that events may be missing.

    Args:
        pabx: The PABX.
        settings: The settings of its event channel.
        transport: Makes the requests; a ``SessionManager`` does.
        sink: Called in the event loop with each event, in order, heartbeats too. What
            it raises ends nothing.
        chance: Returns a number from 0 to 1: the jitter of back-offs.
        wall: Returns the Unix time.
        on_raw: Called before ``sink`` with each event as it came.
        on_piece: Called with all bytes as they come, and with none where a channel
            begins, for recordings.

    Attributes:
        pabx: The PABX.
    """

    def __init__(
        self,
        pabx: PABX,
        settings: EventChannelSettings,
        transport: ChannelTransport,
        sink: Callable[[ChannelEvent], object],
        *,
        chance: Callable[[], float] = random.random,
        wall: Callable[[], float] = time.time,
        on_raw: OnRawEvent | None = None,
        on_piece: Callable[[bytes], object] | None = None,
    ) -> None:
        self.pabx = pabx
        self._settings = settings
        self._requests = ChannelRequests(pabx, settings, transport)
        self._sink = sink
        self._chance = chance
        self._wall = wall
        self._on_raw = on_raw
        self._record = on_piece or bytes  # which does nothing
        self._reading = EventReading(settings, pabx.name)
        self._course = ChannelCourse(settings, chance)
        self._task: asyncio.Task[object] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._silence: asyncio.Timeout | None = None
        self._ending: str = ""  # why the channel is to end, before it does by itself
        self._heard_at = 0.0
        self._lost_since: float | None = None
        self._chosen_id: int | None = None
        self._is_closing = False
        self._complained = False
        self._is_failing = False

    def __repr__(self) -> str:
        return f"<EventReader {self.pabx.name}: {self._course.state}>"

    @property
    def state(self) -> ChannelState:
        """What the channel is doing."""
        return self._course.state

    @property
    def channel_id(self) -> int | None:
        """The id of the channel, None while it is not open."""
        return self._course.channel_id

    async def run(self) -> None:
        """Keep the channel open and read it, until ``aclose``.

        Raises:
            RuntimeError: If it runs already, or was closed.
            asyncio.CancelledError: If its task is cancelled by somebody else.
        """
        if self._task is not None:
            raise RuntimeError("an EventReader runs once")
        self._task = asyncio.current_task()
        try:
            while not self._is_closing:
                error = await self._hold_channel()
                was_open = self._course.state is ChannelState.OPEN
                wait = self._course.end(
                    asyncio.get_running_loop().time(),
                    is_refused=is_refusal(error.reason, error.status),
                    retry_after=error.retry_after,
                )
                self._log_end(error.reason, wait, was_open=was_open)
                await asyncio.sleep(wait)
        except asyncio.CancelledError:
            if not self._is_closing or self._task is None:
                raise
            self._task.uncancel()
        except ClientClosedError:
            pass  # whoever closed the transport wants no channel any more
        finally:
            self._course.close()

    async def aclose(self) -> None:
        """Close the channel, and the connection under it."""
        self._is_closing = True
        task = self._task
        if task is None or task.done() or task is asyncio.current_task():
            self._course.close()
            return
        task.cancel()
        await asyncio.wait({task})

    def _log_end(self, reason: str, wait: float, *, was_open: bool) -> None:
        """Log why a channel ended; warn of the first that could not be opened."""
        level = logging.INFO if was_open or self._is_failing else logging.WARNING
        self._is_failing = not was_open
        what = "ended" if was_open else "could not be opened"
        text = "PABX %s: its event channel %s (%s); it is tried again in %.1f s"
        LOGGER.log(level, text, self.pabx.name, what, reason, wait)

    def reopen(self, channel_id: int) -> None:
        """End the channel because commands over its id fail, and open it again.

        Args:
            channel_id: The id; nothing happens where the channel has another by now.
        """
        if self._course.channel_id == channel_id:
            self._end_early(ChannelReason.DEAD_ID)

    async def _hold_channel(self) -> StreamError:
        """Hold one channel from its opening to its end; return why it ended."""
        self._course.begin()
        self._ending = ""
        self._heard_at = self._wall()
        self._chosen_id = choose_id(self._settings, self._chance)
        reason: str = ChannelReason.CLOSED
        try:
            await self._open_and_read()
            reason = self._ending or ChannelReason.STREAM_ENDED
            error = StreamError(reason=reason)
        except StreamError as found:
            error = found
            reason = found.reason
        except ClientClosedError:
            raise
        except DigitroError:
            reason = ChannelReason.BAD_SETTINGS
            error = StreamError(reason=reason)
        except Exception as found:  # noqa: BLE001 - another channel may do better
            reason = Failure.UNEXPECTED
            error = StreamError(reason=reason)
            LOGGER.error(
                "PABX %s: its event channel failed unexpectedly (%s)",
                self.pabx.name,
                type(found).__name__,
            )
        finally:
            await self._tidy_up()
            self._tell_end(reason)
        return error

    async def _open_and_read(self) -> None:
        """Read a channel until its end.

        Raises:
            StreamError: If it could not be opened, or broke off.
        """
        until = asyncio.get_running_loop().time() + self._settings.open_timeout
        stream: ByteStream | None = None
        try:
            try:
                async with asyncio.timeout_at(until):
                    stream = await self._requests.open(self._chosen_id)
            except TimeoutError:
                self._ending = ChannelReason.NO_ANSWER_IN_TIME
            if stream is not None:
                await self._read(stream, until)
        finally:
            if stream is not None:
                await self._requests.drop(stream)

    async def _read(self, stream: ByteStream, until: float) -> None:
        """Read events until the channel ends.

        Args:
            stream: The stream of the channel.
            until: Time by which the opening event must have come.
        """
        parser = EventParser(self._settings.max_event_bytes)
        self._record(b"")
        while not self._ending:
            is_open = self._course.state is ChannelState.OPEN
            piece = b""
            try:
                async with self._limit(None if is_open else until) as self._silence:
                    piece = await stream.read()
            except TimeoutError:
                self._end_for(
                    ChannelReason.SILENCE if is_open else ChannelReason.NO_OPENING_EVENT
                )
            finally:
                self._silence = None
            if not piece:
                return
            self._record(piece)
            self._heard_at = self._wall()
            await self._take_all(parser, piece)
            if self._ending:
                return
            if parser.retry is not None:
                self._course.retry = parser.retry / 1000

    async def _take_all(self, parser: EventParser, piece: bytes) -> None:
        """Act on the events that end in a piece; other tasks run in between."""
        for start in range(0, len(piece), MOST_BYTES_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            events = parser.feed(piece[start : start + MOST_BYTES_AT_ONCE])
            for number, raw in enumerate(events, 1):
                await self._take(raw, self._heard_at)
                if self._ending:
                    return
                if number % MOST_EVENTS_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _limit(self, until: float | None) -> asyncio.Timeout:
        if until is not None:
            return asyncio.timeout_at(until)
        return asyncio.timeout(self._settings.read_timeout)

    async def _take(self, raw: RawEvent, now: float) -> None:
        """Act on one event, and hand it on."""
        event = self._reading.read(raw, now, chosen_id=self._chosen_id)
        if self._on_raw is not None:
            self._on_raw(raw, event)
        if isinstance(event, ChannelOpened):
            await self._become_open(event)
        elif isinstance(event, ChannelClosed):
            if event.channel_id in {None, self._course.channel_id}:
                self._ending = event.reason
        else:
            self._emit(event)
            if (
                isinstance(event, OtherEvent)
                and self._course.state is ChannelState.OPENING
                and self._reading.is_opening(event.name)
            ):
                self._ending = ChannelReason.NO_CHANNEL_ID

    async def _become_open(self, event: ChannelOpened) -> None:
        if event.channel_id == self._course.channel_id:
            return  # told again
        if not await self._subscribe(event.channel_id):
            return
        self._course.open(event.channel_id, asyncio.get_running_loop().time())
        self._emit(event)
        if self._lost_since is not None:
            since, self._lost_since = self._lost_since, None
            self._emit(
                Gap(
                    pabx=self.pabx.name,
                    seen_at=event.seen_at,
                    since=since,
                    reason=ChannelReason.CHANNEL_LOST,
                )
            )

    async def _subscribe(self, channel_id: int) -> bool:
        """Subscribe to events, if that is set; return whether the channel is ready."""
        self._end_renewal()
        if self._settings.subscription is None:
            return True
        answer = await self._requests.subscribe(channel_id)
        if answer is None or not answer.is_done:
            self._ending = (
                ChannelReason.SUBSCRIPTION_FAILED
                if answer is None
                else ChannelReason.SUBSCRIPTION_REFUSED
            )
            await self._requests.close(channel_id)
            return False
        if answer.expires is not None:
            self._renewal = asyncio.create_task(self._renew(channel_id, answer))
        return True

    async def _renew(self, channel_id: int, answer: SubscriptionAnswer) -> None:
        """Renew a subscription, again and again, before it ends."""
        subscription = self._settings.subscription
        assert subscription is not None  # noqa: S101 - for the type checker
        loop = asyncio.get_running_loop()
        while answer.expires is not None:
            began = loop.time()
            for after in renewal_times(answer.expires, subscription.renewal_share):
                await asyncio.sleep(max(0.0, began + after - loop.time()))
                renewed = await self._requests.subscribe(
                    channel_id, answer.subscription_id
                )
                if renewed is not None:
                    break
            if renewed is None or not renewed.is_done:
                self._end_early(ChannelReason.SUBSCRIPTION_LOST)
                return
            answer = SubscriptionAnswer(
                is_done=True,
                expires=renewed.expires or answer.expires,
                subscription_id=renewed.subscription_id or answer.subscription_id,
            )

    async def _tidy_up(self) -> None:
        """Close what there is of a channel, as far as it can be done in time."""
        self._end_renewal()
        if self._course.channel_id is not None:
            await self._requests.close(self._course.channel_id)

    def _tell_end(self, reason: str) -> None:
        now, channel_id = self._wall(), self._course.channel_id
        if channel_id is not None:
            self._lost_since = self._heard_at
        self._emit(
            ChannelClosed(
                pabx=self.pabx.name, seen_at=now, channel_id=channel_id, reason=reason
            )
        )

    def _end_for(self, reason: str) -> None:
        """Let the channel end, for a reason, unless it ends for another one already."""
        self._ending = self._ending or reason

    def _end_early(self, reason: str) -> None:
        """End the channel from outside of its reading."""
        self._end_for(reason)
        if self._silence is not None and not self._silence.expired():
            self._silence.reschedule(asyncio.get_running_loop().time())

    def _end_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None

    def _emit(self, event: ChannelEvent) -> None:
        try:
            self._sink(event)
        except Exception as error:  # noqa: BLE001 - reading goes on whatever it raises
            if not self._complained:
                self._complained = True
                LOGGER.error(
                    "PABX %s: what takes its events raised %s; they are read all the"
                    " same",
                    self.pabx.name,
                    type(error).__name__,
                )
