"""Answers the requests about event channels: to open, to subscribe, to close."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from digitro_async.event_settings import EventChannelSettings, Subscription
from digitro_async.testing.simulator._answers import answer, refusal
from digitro_async.testing.simulator._event_delivery import EventDelivery
from digitro_async.testing.simulator._event_fault_kinds import EventFaultKind
from digitro_async.testing.simulator._event_writing import EventWriting, set_member
from digitro_async.testing.simulator._faults import Fault
from digitro_async.testing.simulator._request_templates import (
    MismatchError,
    RequestTemplate,
)
from digitro_async.testing.simulator._request_validator import ReceivedRequest
from digitro_async.testing.simulator._simulated_channels import (
    SimulatedChannel,
    SimulatedChannels,
)
from digitro_async.testing.simulator._tcp_connection import SimulatorConnection

__all__ = ["ChannelHandler"]

_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_SUBSCRIPTION: Final = "simulated-subscription-{number}"


@attrs.frozen
class _Asked:
    """A request that was read.

    Attributes:
        connection: Connection that it came on.
        channel_id: The channel id that it names, None without one.
        body: Its body.
        close: Whether the client wants the connection closed.
    """

    connection: SimulatorConnection
    channel_id: int | None
    body: Mapping[str, Any] = attrs.field(repr=False)
    close: bool

    def accept(self, members: Mapping[str, Any]) -> bool:
        """Answer 200 with these members."""
        body = json.dumps(members).encode()
        self.connection.write(answer(200, body, close=self.close))
        return True

    def refuse(self, status: int, problem: str, headers: str = "") -> bool:
        """Answer with a refusal."""
        self.connection.write(
            refusal(status, problem, headers=headers, close=self.close)
        )
        return True


class ChannelHandler:
    """Serves the requests that the settings describe.

    Args:
        settings: The requests.
        delivery: Licences, subscriptions and heartbeats.
        channels: The channels that are open.
        writing: Writes heartbeats.
        choose_fault: Returns the fault of a request for a channel, by its ordinal.
    """

    def __init__(
        self,
        settings: EventChannelSettings,
        delivery: EventDelivery,
        channels: SimulatedChannels,
        writing: EventWriting,
        choose_fault: Callable[[int], Fault | None],
    ) -> None:
        self._subscription = settings.subscription
        self._delivery = delivery
        self._channels = channels
        self._writing = writing
        self._choose_fault = choose_fault
        self._asked = 0
        self._subscriptions: dict[str, SimulatedChannel] = {}
        self._ends: dict[SimulatedChannel, asyncio.TimerHandle] = {}
        self._routes: list[
            tuple[RequestTemplate, Callable[[_Asked], Awaitable[bool]]]
        ] = [(RequestTemplate(settings.open), self._open)]
        if settings.close is not None:
            self._routes.append((RequestTemplate(settings.close), self._close))
        if settings.subscription is not None:
            template = RequestTemplate(settings.subscription.request)
            self._routes.append((template, self._subscribe))

    def is_meant(self, request: ReceivedRequest) -> bool:
        """Whether a request is about an event channel."""
        return any(template.is_meant(request) for template, _ in self._routes)

    async def serve(
        self, connection: SimulatorConnection, request: ReceivedRequest
    ) -> bool:
        """Answer a request that is meant; return whether to keep the connection."""
        template, serve = next(one for one in self._routes if one[0].is_meant(request))
        close = not request.keep_alive
        try:
            channel_id, body = template.read(request)
        except MismatchError as error:
            return _Asked(connection, None, {}, close).refuse(400, str(error))
        return await serve(_Asked(connection, channel_id, body, close))

    async def _open(self, asked: _Asked) -> bool:
        self._asked += 1
        fault = self._choose_fault(self._asked)
        kind = None if fault is None else fault.kind
        if kind is EventFaultKind.STALL_CHANNEL:
            await asyncio.get_running_loop().create_future()  # until the client leaves
        if fault is not None and kind is EventFaultKind.REFUSE_CHANNEL:
            self._channels.counts.refused += 1
            headers = ""
            if fault.retry_after is not None:
                headers = f"Retry-After: {fault.retry_after}\r\n"
            return asked.refuse(fault.answers or 403, "simulated", headers)
        is_taken = self._channels.find(asked.channel_id or 0) is not None
        if is_taken or not self._channels.has_licence:
            self._channels.counts.refused += 1
            problem = "the channel is open" if is_taken else "too many channels"
            return asked.refuse(self._delivery.refused_status, problem)
        asked.connection.write(_STREAM_HEAD)
        if kind is EventFaultKind.NO_OPENING_EVENT:
            await asyncio.get_running_loop().create_future()  # until the client leaves
        channel_id = asked.channel_id
        if channel_id is None:
            is_reused = kind is EventFaultKind.REUSED_CHANNEL_ID
            channel_id = self._channels.next_id(is_reused=is_reused)
        return await self._serve_channel(SimulatedChannel(channel_id, asked.connection))

    async def _serve_channel(self, channel: SimulatedChannel) -> bool:
        """Serve a channel until one side ends it."""
        self._channels.open(channel)
        heartbeats = asyncio.ensure_future(self._send_heartbeats(channel))
        if self._subscription is None:
            channel.is_subscribed = True
        else:
            self._end_after(channel, self._delivery.unsubscribed)
        try:
            await channel.wait_for_end()
        finally:
            heartbeats.cancel()
            if (end := self._ends.pop(channel, None)) is not None:
                end.cancel()
            self._channels.leave(channel)
        return channel.has_ended_whole

    async def _send_heartbeats(self, channel: SimulatedChannel) -> None:
        while self._delivery.heartbeat is not None:
            await asyncio.sleep(self._delivery.heartbeat)
            channel.send(self._writing.heartbeat())

    def _end_after(self, channel: SimulatedChannel, seconds: float) -> None:
        """End a channel after a time, in place of the end that it had."""
        if (end := self._ends.pop(channel, None)) is not None:
            end.cancel()
        loop = asyncio.get_running_loop()
        self._ends[channel] = loop.call_later(
            seconds, lambda: self._channels.drop(channel, with_event=True)
        )

    async def _close(self, asked: _Asked) -> bool:
        channel = self._channels.find(asked.channel_id or 0)
        if channel is None:
            return asked.refuse(self._delivery.dead_id_status, "no such channel")
        self._channels.close(channel)
        return asked.accept({})

    async def _subscribe(self, asked: _Asked) -> bool:
        channel = self._channels.find(asked.channel_id or 0)
        if channel is None or self._subscription is None:
            return asked.refuse(self._delivery.dead_id_status, "no such channel")
        renewed = _renewed(self._subscription, asked.body)
        if renewed is not None and self._subscriptions.get(renewed) is not channel:
            return asked.refuse(self._delivery.dead_id_status, "no such subscription")
        channel.is_subscribed = True
        members: dict[str, Any] = {}
        if self._subscription.success_field is not None:
            word = self._subscription.success_words[0]
            set_member(members, self._subscription.success_field, word)
        if self._subscription.expires_field is not None:
            set_member(members, self._subscription.expires_field, self._expires())
            self._end_after(channel, self._delivery.expires)
        elif self._subscription.expires is not None:
            self._end_after(channel, self._subscription.expires)
        elif (end := self._ends.pop(channel, None)) is not None:
            end.cancel()
        if self._subscription.id_field is not None:
            number = len(self._subscriptions) + 1
            name = renewed or _SUBSCRIPTION.format(number=number)
            self._subscriptions[name] = channel
            set_member(members, self._subscription.id_field, name)
        return asked.accept(members)

    def _expires(self) -> float:
        expires = self._delivery.expires
        return int(expires) if expires == int(expires) else expires


def _renewed(subscription: Subscription, body: Mapping[str, Any]) -> str | None:
    """Return the id of the subscription that a request renews, None for a new one."""
    found: Any = body
    for name in (subscription.renewal_id_field or "").split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return None if found is None else str(found)
