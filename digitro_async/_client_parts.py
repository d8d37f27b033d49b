"""ClientParts: the parts of one client, opened and closed in their order."""

from collections.abc import Iterable
from typing import TypedDict

import anyio

from digitro_async._common.base_url import address_of
from digitro_async._common.own_loop import OwnLoop
from digitro_async._common.unclosed import warn_unclosed
from digitro_async.dispatch import Dispatcher
from digitro_async.errors import ClientClosedError, ConfigurationError
from digitro_async.events import EventChannels
from digitro_async.models import PABX
from digitro_async.observe import OnEvent
from digitro_async.settings import PauseSettings, RetrySettings
from digitro_async.transport import SessionManager, Transport, warm_all

__all__ = ["ClientParts", "SendLimits"]


class SendLimits(TypedDict, total=False):
    """The options of ``DigitroClient.send``."""

    pabx: str | None
    max_wait: float | None
    deadline: float | None


class ClientParts:
    """The parts of one client: its sessions, its dispatcher, its event channels.

    Each method takes the client, whose repr stands in errors and warnings.

    Args:
        pabx: The PABX, or several with different names.
        retry: When a call that was provably not placed is sent again.
        pause: When a PABX is paused because of what it answers.
        sessions: The manager to share, None for one of its own.
        transport: The transport to use in its place.
        on_event: Called with each ``ClientEvent``.

    Attributes:
        dispatcher: The dispatcher.
        sessions: The session manager; beside another transport it is idle.
        is_closed: Whether the client was closed.

    Raises:
        ConfigurationError: As ``DigitroClient`` raises it.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        *,
        retry: RetrySettings | None,
        pause: PauseSettings | None,
        sessions: SessionManager | None,
        transport: Transport | None,
        on_event: OnEvent | None,
    ) -> None:
        if sessions is not None and transport is not None:
            raise ConfigurationError("give sessions or transport, not both")
        if sessions is not None and not isinstance(sessions, SessionManager):
            raise ConfigurationError("sessions must be a SessionManager, or None")
        self._own_loop = OwnLoop()
        self.sessions = sessions or SessionManager()
        self._owns_sessions = sessions is None
        self._opens_sessions = transport is None
        used = self.sessions if transport is None else transport
        self.dispatcher = Dispatcher(
            pabx, used, retry=retry, pause=pause, on_event=on_event
        )
        if transport is None:
            for one in self.dispatcher.pabx:
                self.sessions.load_tls(one)
        self._channels = EventChannels(
            self.dispatcher.pabx,
            self.sessions,
            self.dispatcher.set_channel_id,
            [self.dispatcher.take_event],
        )
        self._was_entered = self.is_closed = False

    def open(self, client: object) -> None:
        """Open the event channels of the PABX that have settings for them.

        Raises:
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
        """
        self.check_usable(client)
        if not self._was_entered:
            self._channels.start(self.dispatcher.follow_channel)
        self._was_entered = True
        anyio.CancelScope()  # loads anyio's backend, before any call

    def check_usable(self, client: object) -> None:
        """Demand that the client can be used here.

        Raises:
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
        """
        if self.is_closed:
            self.check_open(client)
        self._own_loop.check(client)
        if not self._owns_sessions:
            self.sessions.check_usable()

    def check_open(self, client: object) -> None:
        """Demand that the client was not closed.

        Raises:
            ClientClosedError: The client was closed.
        """
        if self.is_closed:
            raise ClientClosedError(
                f"{client!r} was closed and makes no further call: make another client"
            )

    def resume(self, client: object, pabx: str | None) -> None:
        """Start calls again, from any thread.

        Args:
            client: The client.
            pabx: Name of the PABX, None for every PABX.

        Raises:
            ConfigurationError: There is no PABX of that name.
            WrongLoopError: The event loop of the client was closed.
        """
        self.dispatcher.check_name(pabx)
        loop = self._own_loop.loop
        if loop is None or self._own_loop.is_running_here:
            self.dispatcher.resume(pabx)
            return
        try:
            loop.call_soon_threadsafe(self.dispatcher.resume, pabx)
        except RuntimeError:
            raise self._own_loop.wrong_loop_error(client) from None

    async def warm(self, connections: int, pabx: str | None) -> dict[str, int]:
        """Open connections ahead of the first calls; see ``DigitroClient.warm``.

        Raises:
            ConfigurationError: There is no PABX of that name, ``connections`` is no
                whole number above zero, or the PABX can't be used as configured.
        """
        self.dispatcher.check_name(pabx)
        if type(connections) is not int or connections < 1:
            raise ConfigurationError("connections must be a whole number above 0")
        several = [one for one in self.dispatcher.pabx if pabx in (None, one.name)]
        if not self._opens_sessions:
            return {one.name: 0 for one in several}
        return await warm_all(self.sessions, several, connections)

    async def aclose(self, client: object) -> None:
        """Let the calls on the wire finish, then close what is the client's own.

        Raises:
            WrongLoopError: The client belongs to another event loop.
        """
        if self.is_closed:
            return
        self._own_loop.check(client)
        self.is_closed = True
        # An anyio scope that was cancelled would not let anything on the wire finish.
        with anyio.CancelScope(shield=True):
            try:
                await self.dispatcher.drain()
            finally:
                await self._channels.aclose()
                self.dispatcher.stop_events()
                if self._owns_sessions:
                    await self.sessions.aclose()

    def warn_unclosed(self, client: object) -> None:
        """Warn that the client was opened and never closed; for its ``__del__``."""
        if self.is_closed or self.sessions.closed or not self._opens_sessions:
            return  # whoever shares the manager, or made the transport, closes it
        if not (self._was_entered or (self._owns_sessions and self.sessions.hosts)):
            return  # nothing was opened
        several = {address_of(pabx.base_url): 0 for pabx in self.dispatcher.pabx}
        first, *others = several
        where = f" for {first}" + (f" and {len(others)} more" if others else "")
        way_out = 'use it as "async with", or await its aclose()'
        warn_unclosed(client, self._own_loop.place, way_out, where)
