"""ChannelRequests: makes the requests about the event channel of one PABX."""

import asyncio
import contextlib

import anyio

from digitro_async.errors import DigitroError
from digitro_async.event_settings import EventChannelSettings
from digitro_async.models import PABX
from digitro_async.protocol import (
    SubscriptionAnswer,
    build_channel_request,
    read_subscription,
)
from digitro_async.transport import ByteStream, ChannelTransport, StreamError

__all__ = ["ChannelRequests"]


class ChannelRequests:
    """Opens, subscribes to and closes the event channel of one PABX.

    Args:
        pabx: The PABX.
        settings: The settings of its event channel.
        transport: Makes the requests.
    """

    def __init__(
        self, pabx: PABX, settings: EventChannelSettings, transport: ChannelTransport
    ) -> None:
        self._pabx = pabx
        self._settings = settings
        self._transport = transport

    async def open(self, chosen_id: int | None) -> ByteStream:
        """Return the stream of a new channel.

        Args:
            chosen_id: The id that the client chose, None where the PABX gives it.

        Raises:
            StreamError: If there is none.
            DigitroError: If the transport can't be used.
        """
        request = build_channel_request(
            self._pabx,
            self._settings,
            self._settings.open,
            channel_id=chosen_id,
            is_stream=True,
        )
        try:
            return await self._transport.open_stream(self._pabx, request)
        finally:
            del request  # it holds the api key

    async def subscribe(
        self, channel_id: int, subscription_id: str | None = None
    ) -> SubscriptionAnswer | None:
        """Return the answer to a subscription, None where none came.

        Args:
            channel_id: The id of the channel.
            subscription_id: The id of the subscription to renew, None for a new one.
        """
        subscription = self._settings.subscription
        if subscription is None:
            return SubscriptionAnswer(is_done=True)
        name = subscription.renewal_id_field
        request = build_channel_request(
            self._pabx,
            self._settings,
            subscription.request,
            channel_id=channel_id,
            members={name: subscription_id} if name and subscription_id else None,
        )
        try:
            async with asyncio.timeout(self._settings.open_timeout):
                status, body = await self._transport.ask(self._pabx, request)
        except (StreamError, TimeoutError):
            return None
        finally:
            del request  # it holds the api key
        return read_subscription(subscription, status, body)

    async def close(self, channel_id: int) -> None:
        """Ask the PABX to close a channel of ours; whatever it answers is fine."""
        if self._settings.close is None:
            return
        request = build_channel_request(
            self._pabx, self._settings, self._settings.close, channel_id=channel_id
        )
        try:
            with (
                contextlib.suppress(StreamError, DigitroError),
                anyio.move_on_after(self._settings.open_timeout, shield=True),
            ):
                await self._transport.ask(self._pabx, request)
        finally:
            del request  # it holds the api key

    async def drop(self, stream: ByteStream) -> None:
        """Close the connection of a channel."""
        with (
            contextlib.suppress(StreamError),
            anyio.move_on_after(self._settings.open_timeout, shield=True),
        ):
            await stream.aclose()
