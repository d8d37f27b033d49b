"""DigitroClient: the way in."""

from collections.abc import Iterable
from typing import Self

import anyio

from digitro_async.dispatch import (
    Calls,
    Dispatcher,
    DispatchResults,
    Recorder,
    Statistics,
)
from digitro_async.errors import (
    ClientClosedError,
    ConfigurationError,
    OutcomeUnknownError,
)
from digitro_async.models import PABX, CallAccepted, PredictiveCall
from digitro_async.settings import PauseSettings, RetrySettings
from digitro_async.transport import SessionManager, Transport

__all__ = ["DigitroClient"]


class DigitroClient:
    """Makes predictive calls over one or several PABX.

    Use it as ``async with``, or call ``aclose()`` yourself. One client belongs to one
    event loop and may be used by any number of its tasks; they share its pace.

    Example::

        async with DigitroClient(pabx) as client:
            accepted = await client.make_predictive_call(call)

    Args:
        pabx: The PABX, or several with different names.
        retry: When a call that was provably not placed is sent again.
        pause: When a PABX is paused because of what it answers.
        sessions: Connections to share with other clients; whoever made them closes
            them. None opens its own and closes it.
        transport: Another implementation of ``Transport``, in place of ``sessions``;
            whoever made it closes it.

    Raises:
        ConfigurationError: If there is no PABX or two share a name, or both
            ``sessions`` and ``transport`` are given.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        *,
        retry: RetrySettings | None = None,
        pause: PauseSettings | None = None,
        sessions: SessionManager | None = None,
        transport: Transport | None = None,
    ) -> None:
        if sessions is not None and transport is not None:
            raise ConfigurationError("give sessions or transport, not both")
        # Beside a transport it opens nothing, and holds the client to one loop.
        self._sessions = sessions or SessionManager()
        self._owns_sessions = sessions is None
        used = transport or self._sessions
        self._dispatcher = Dispatcher(pabx, used, retry=retry, pause=pause)
        self._closed = False

    async def __aenter__(self) -> Self:
        self._check_open()
        with anyio.CancelScope():  # loads anyio's backend: not amid the calls, later
            await self._sessions.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        names = ", ".join(pabx.name for pabx in self._dispatcher.pabx)
        return f"<DigitroClient {'closed ' if self._closed else ''}{names}>"

    @property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher: ``submit``, ``pause``, ``resume``, ``drain``."""
        return self._dispatcher

    async def make_predictive_call(
        self,
        call: PredictiveCall,
        *,
        pabx: str | None = None,
        max_wait: float | None = None,
    ) -> CallAccepted:
        """Ask a PABX for one predictive call.

        Safe to await inside a request handler: it shares the pace with everything
        else this client sends, and fails at once where a PABX is paused.

        Args:
            call: The call.
            pabx: Name of the PABX that must take it; None for the least loaded one.
            max_wait: Most seconds to wait for a turn; None for no limit.

        Returns:
            The acceptance: "command received", not "answered".

        Raises:
            InvalidCallError: It can't be sent as it is.
            NotSentError: Nothing left; it may be sent again. The class says why.
            RejectedError: The PABX refused this call.
            RefusedError: The PABX refused for a reason that is not this call's fault.
            OutcomeUnknownError: It may have been placed; do not send it again blindly.
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
            ConfigurationError: The PABX can't be used as configured, or ``pabx`` or
                ``max_wait`` is no such thing.
            asyncio.CancelledError: It was cancelled; if it was on the wire the attempt
                is cut off and counted as unknown, by what pauses a PABX too.
        """
        self._check_open()
        self._sessions.check_usable()
        result = await self._dispatcher.submit(call, pabx=pabx, max_wait=max_wait)
        del call  # it may be anything; tools show the locals of an error's frames
        if isinstance(result.accepted, CallAccepted):
            return result.accepted
        error = result.error or OutcomeUnknownError()
        try:
            raise error
        finally:
            del result, error  # the error's traceback refers to this frame

    def dispatch(
        self, calls: Calls, *, recorder: Recorder | None = None
    ) -> DispatchResults:
        """Send many calls and get their results as they settle.

        ``calls`` is read lazily, as calls can be sent and results are taken. One
        call's failure never touches another's.

        Example::

            async with client.dispatch(calls) as results:
                async for result in results:
                    print(result.outcome, result.call_id)

        Args:
            calls: Calls, or ``DispatchItem`` where a call names its PABX or carries a
                key; any iterable or async iterable.
            recorder: Told of every attempt, before and after it is made; what
                ``Campaign`` keeps its ledger with.

        Raises:
            ClientClosedError: The client was closed.
        """
        self._check_open()
        return self._dispatcher.stream(calls, recorder)

    def set_channel_id(self, channel_id: int | None, pabx: str | None = None) -> None:
        """Send calls over another event channel from now on; connections stay open.

        Give a PABX that is made with ``channel_id=None`` its channel here, or change
        the channel after the PABX closed the one before. Calls that wait for a channel
        start, and a pause ends that came because the PABX did not find the one before.

        Args:
            channel_id: Id of the event channel; None where there is none now and one
                will be given: calls wait for it, as long as their ``max_wait``. Where
                nobody said so, a call without a channel fails at once.
            pabx: Name of the PABX, None for every one.

        Raises:
            ConfigurationError: If there is no PABX of that name, or it is no such id.
        """
        self._check_open()
        self._dispatcher.set_channel_id(channel_id, pabx)

    def statistics(self) -> Statistics:
        """Return a frozen snapshot of what each PABX is doing and did."""
        return self._dispatcher.statistics()

    async def aclose(self) -> None:
        """Start no call any more, let what is on the wire finish, then close.

        Whoever iterates over results gets the last of them and then ``DrainedError``,
        where the source was not read to its end.
        """
        if self._closed:
            return
        self._closed = True
        # An anyio scope that was cancelled would not let anything on the wire finish.
        with anyio.CancelScope(shield=True):
            try:
                await self._dispatcher.drain()
            finally:
                if self._owns_sessions:
                    await self._sessions.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError("the DigitroClient was closed")
