"""The event side of a simulator: channels, what becomes of calls, and its record."""

from collections.abc import Callable

import attrs

from digitro_async.call_events import Disposition
from digitro_async.event_settings import EventChannelSettings
from digitro_async.testing.simulator._call_courses import CallCourse, CallCourses
from digitro_async.testing.simulator._call_script import CallScript
from digitro_async.testing.simulator._channel_handler import ChannelHandler
from digitro_async.testing.simulator._event_delivery import EventDelivery
from digitro_async.testing.simulator._event_injection import EventSender
from digitro_async.testing.simulator._event_writing import EventWriting
from digitro_async.testing.simulator._fault_traits import KindWithTraits, Stage
from digitro_async.testing.simulator._faults import Fault, FaultDecisions
from digitro_async.testing.simulator._request_validator import ReceivedRequest
from digitro_async.testing.simulator._simulated_channels import (
    ChannelCounts,
    SimulatedChannels,
)
from digitro_async.testing.simulator._tcp_connection import SimulatorConnection

__all__ = ["SimulatedEvents"]


class SimulatedEvents:
    """Opens channels and tells over them what becomes of the calls taken.

    Args:
        settings: How channels are opened and what events look like.
        script: What becomes of calls.
        delivery: How channels behave where the vendor says nothing.
        first_id: Id of the first channel.
        keep: Whether the record of calls that ended is kept.
        count_fault: Counts a fault that was injected.

    Attributes:
        faults: Choose the fault of a request for a channel, or of an event.
        dead_id_status: Status of commands over an id that no open channel has.

    Raises:
        ConfigurationError: If a form needs a name that the settings do not give.
    """

    def __init__(
        self,
        settings: EventChannelSettings,
        script: CallScript,
        delivery: EventDelivery,
        *,
        first_id: int,
        keep: bool,
        faults: FaultDecisions,
        count_fault: Callable[[KindWithTraits], None],
    ) -> None:
        self.faults = faults
        self.dead_id_status: int = delivery.dead_id_status
        self._count_fault = count_fault
        writing = EventWriting(settings, delivery)
        self._channels = SimulatedChannels(delivery, writing, first_id)
        self._requests = ChannelHandler(
            settings, delivery, self._channels, writing, self._fault_of_channel
        )
        self._sender = EventSender(
            delivery, self._channels, writing, self._fault_of_event
        )
        self._courses = CallCourses(
            script, told=writing.told, send=self._sender.send, keep=keep
        )

    @property
    def open_ids(self) -> set[int]:
        """Ids of the channels that are open, kept up to date."""
        return self._channels.open_ids

    @property
    def courses(self) -> list[CallCourse]:
        """What really became of each call taken, in order.

        Without ``keep_record`` these are the calls in progress alone.
        """
        return self._courses.courses

    @property
    def by_disposition(self) -> dict[Disposition, int]:
        """Number of calls taken, by what becomes of them."""
        return dict(self._courses.by_disposition)

    @property
    def in_progress(self) -> int:
        """Number of calls that have not ended."""
        return self._courses.in_progress

    @property
    def max_in_progress(self) -> int:
        """Most calls that were in progress at once."""
        return self._courses.max_in_progress

    @property
    def channels(self) -> ChannelCounts:
        """Counts of the channels so far."""
        return attrs.evolve(self._channels.counts)

    @property
    def due(self) -> int:
        """Events about calls that were due, those that were lost included."""
        return self._sender.due

    def drop_channels(self) -> None:
        """End every open channel with RST, without a word."""
        self._sender.end_channels(with_event=False)

    def close_channels(self) -> None:
        """End every open channel, with a closing event where the settings name one."""
        self._sender.end_channels(with_event=True)

    def mute_channels(self) -> None:
        """Send nothing any more over the channels that are open now."""
        self._sender.mute_channels()

    def is_meant(self, request: ReceivedRequest) -> bool:
        """Whether a request is about an event channel."""
        return self._requests.is_meant(request)

    async def serve(
        self, connection: SimulatorConnection, request: ReceivedRequest
    ) -> bool:
        """Answer a request that is meant; return whether to keep the connection."""
        return await self._requests.serve(connection, request)

    def take_call(self, call_id: str, destination: str, channel: int) -> None:
        """Take a call through the steps of the script.

        Args:
            call_id: Its call id.
            destination: The number called.
            channel: Channel that its command came over.
        """
        self._courses.begin(call_id, destination, channel)

    def close(self) -> None:
        """Tell nothing any more; the record stays."""
        self._courses.close()

    def _fault_of_channel(self, ordinal: int) -> Fault | None:
        return self._counted(self.faults.choose(Stage.CHANNEL, ordinal))

    def _fault_of_event(self, ordinal: int, destination: str) -> Fault | None:
        return self._counted(self.faults.choose(Stage.EVENT, ordinal, destination))

    def _counted(self, fault: Fault | None) -> Fault | None:
        if fault is not None:
            self._count_fault(fault.kind)
        return fault
