"""Sends the events of calls over the open channels, and injects their faults.

``_KINDS`` has a row for each kind of fault that is decided at an event.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import attrs

from digitro_async.testing.simulator._answers import stray_call_id
from digitro_async.testing.simulator._event_delivery import EventDelivery
from digitro_async.testing.simulator._event_fault_kinds import EventFaultKind
from digitro_async.testing.simulator._event_writing import CallMoment, EventWriting
from digitro_async.testing.simulator._faults import Fault
from digitro_async.testing.simulator._simulated_channels import (
    SimulatedChannel,
    SimulatedChannels,
)

__all__ = ["EventSender"]

_LATE: Final = 0.5
_PAUSE: Final = 0.001
_HUGE: Final = 2 * 1024 * 1024
_FOREIGN_NUMBER: Final = "04832810000"


class EventSender:
    """Sends the event of each step of a call, unless a fault comes before it.

    Args:
        delivery: Over which channels events go.
        channels: The channels that are open.
        writing: Writes events.
        choose_fault: Returns the fault of an event, by its ordinal and the number.

    Attributes:
        due: Events about calls that were due, lost ones included.
    """

    def __init__(
        self,
        delivery: EventDelivery,
        channels: SimulatedChannels,
        writing: EventWriting,
        choose_fault: Callable[[int, str], Fault | None],
    ) -> None:
        self.due = 0
        self._delivery = delivery
        self._channels = channels
        self._writing = writing
        self._choose_fault = choose_fault
        self._behind_next: list[tuple[bytes, int]] = []

    def send(self, moment: CallMoment, channel_id: int) -> None:
        """Send the event of a step.

        Args:
            moment: The step.
            channel_id: Channel that the call's command came over.
        """
        frame = self._writing.call(moment)
        if not frame:
            return
        self.due += 1
        fault = self._choose_fault(self.due, moment.destination)
        if fault is None:
            self.send_frame(frame, channel_id)
        else:
            _KINDS[fault.kind](_FaultyEvent(self, fault, moment, frame, channel_id))

    def send_frame(self, frame: bytes, channel_id: int) -> None:
        """Send a frame, and behind it those that wait for the next one."""
        for channel in self._receivers(channel_id):
            channel.send(frame)
        self.send_waiting()

    def send_waiting(self) -> None:
        """Send the frames that wait for the next one."""
        waiting, self._behind_next = self._behind_next, []
        for frame, channel_id in waiting:
            for channel in self._receivers(channel_id):
                channel.send(frame)

    def send_split(self, frame: bytes, channel_id: int, pause: float) -> None:
        """Send a frame byte by byte."""
        for channel in self._receivers(channel_id):
            channel.send_split(frame, pause)

    def send_behind_next(self, frame: bytes, channel_id: int) -> None:
        """Let a frame wait for the next one."""
        self._behind_next.append((frame, channel_id))

    def end_channels(self, *, with_event: bool) -> None:
        """End every channel: with RST, or with a closing event."""
        for channel in self._channels:
            self._channels.drop(channel, with_event=with_event)

    def mute_channels(self) -> None:
        """Send nothing any more over the channels that are open."""
        for channel in self._channels:
            channel.is_muted = True

    def _receivers(self, channel_id: int) -> list[SimulatedChannel]:
        return [
            channel
            for channel in self._channels
            if channel.is_subscribed
            and (self._delivery.to_all_channels or channel.channel_id == channel_id)
        ]

    @property
    def writing(self) -> EventWriting:
        """Writes events."""
        return self._writing


@attrs.frozen
class _FaultyEvent:
    """An event that is due, and the fault that it gets.

    Attributes:
        sender: Sends frames.
        fault: The rule.
        moment: The step of the call.
        frame: Its event.
        channel_id: Channel that the call's command came over.
    """

    sender: EventSender
    fault: Fault
    moment: CallMoment
    frame: bytes = attrs.field(repr=False)
    channel_id: int

    def send(self) -> None:
        """Send the event."""
        self.sender.send_frame(self.frame, self.channel_id)

    def send_behind(self, frame: bytes) -> None:
        """Send the event behind another frame."""
        self.sender.send_frame(frame, self.channel_id)
        self.send()

    def pause(self, default: float) -> float:
        """Return the seconds of the rule, or those of the kind."""
        return default if self.fault.pause is None else self.fault.pause


def _lose(_: _FaultyEvent) -> None:
    pass


def _delay(event: _FaultyEvent) -> None:
    asyncio.get_running_loop().call_later(event.pause(_LATE), event.send)


def _duplicate(event: _FaultyEvent) -> None:
    event.send_behind(event.frame)


def _reorder(event: _FaultyEvent) -> None:
    event.sender.send_behind_next(event.frame, event.channel_id)
    loop = asyncio.get_running_loop()
    loop.call_later(event.pause(_LATE), event.sender.send_waiting)


def _send_foreign(event: _FaultyEvent) -> None:
    foreign = attrs.evolve(
        event.moment,
        call_id=stray_call_id(event.moment.call_id),
        destination=_FOREIGN_NUMBER,
    )
    event.send_behind(event.sender.writing.call(foreign))


def _send_unknown(event: _FaultyEvent) -> None:
    event.send_behind(event.sender.writing.unknown(event.moment))


def _send_garbage(event: _FaultyEvent) -> None:
    event.send_behind(event.sender.writing.garbage())


def _send_huge(event: _FaultyEvent) -> None:
    event.send_behind(event.sender.writing.huge(event.fault.size or _HUGE))


def _split(event: _FaultyEvent) -> None:
    event.sender.send_split(event.frame, event.channel_id, event.pause(_PAUSE))


def _drop(event: _FaultyEvent) -> None:
    event.sender.end_channels(with_event=False)


def _close(event: _FaultyEvent) -> None:
    event.sender.end_channels(with_event=True)


def _mute(event: _FaultyEvent) -> None:
    event.sender.mute_channels()


_KINDS: Final[dict[str, Callable[[_FaultyEvent], None]]] = {
    EventFaultKind.LOSE_EVENT: _lose,
    EventFaultKind.DELAY_EVENT: _delay,
    EventFaultKind.DUPLICATE_EVENT: _duplicate,
    EventFaultKind.REORDER_EVENTS: _reorder,
    EventFaultKind.FOREIGN_EVENT: _send_foreign,
    EventFaultKind.UNKNOWN_EVENT: _send_unknown,
    EventFaultKind.GARBAGE_EVENT: _send_garbage,
    EventFaultKind.HUGE_EVENT: _send_huge,
    EventFaultKind.SPLIT_EVENT: _split,
    EventFaultKind.DROP_CHANNEL: _drop,
    EventFaultKind.CLOSE_CHANNEL: _close,
    EventFaultKind.MUTE_CHANNEL: _mute,
}
