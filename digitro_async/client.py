"""The client, ``DigitroClient``, with which a program makes calls."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Self

import anyio

from digitro_async._common.base_url import address_of
from digitro_async._common.own_loop import OwnLoop
from digitro_async._common.unclosed import warn_unclosed
from digitro_async.dispatch import (
    Calls,
    Dispatcher,
    DispatchResults,
    Health,
    Recorder,
    Statistics,
)
from digitro_async.errors import (
    ClientClosedError,
    ConfigurationError,
    OutcomeUnknownError,
)
from digitro_async.models import PABX, CallAccepted, PredictiveCall
from digitro_async.observe import OnEvent
from digitro_async.settings import PauseSettings, RetrySettings
from digitro_async.transport import SessionManager, Transport

__all__ = ["DigitroClient"]

WARMED_AT_ONCE: Final = 32
"""PABX that are connected to at the same time, ahead of their first calls."""


class DigitroClient:
    """Makes predictive calls over one or several PABX.

    Use it as ``async with``, or call ``aclose()`` yourself. One client belongs to one
    event loop and may be used by any number of tasks; all share the cap of a PABX.

    Example::

        async with DigitroClient(pabx) as client:
            accepted = await client.make_predictive_call(call)

    Args:
        pabx: The PABX, or several with different names.
        retry: When a call that was provably not placed is sent again.
        pause: When a PABX is paused because of what it answers.
        sessions: A ``SessionManager`` to share with other clients; whoever made the
            manager closes it. With None the client makes one, and closes it.
        transport: Another implementation of ``Transport``, in place of ``sessions``;
            whoever made the transport closes it.
        on_event: A plain function that is called in the event loop with each
            ``ClientEvent``: pauses, failed probes, ends of pauses, protocol
            violations, missing channels, failed ledgers. Nothing that it raises
            harms a call. While it runs nothing else does, so it should be short.

    Raises:
        ConfigurationError: If there is no PABX or two share a name, both ``sessions``
            and ``transport`` are given or one of them is something else, ``on_event``
            is no plain function, or the file of a certificate authority can't be used.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        *,
        retry: RetrySettings | None = None,
        pause: PauseSettings | None = None,
        sessions: SessionManager | None = None,
        transport: Transport | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        if sessions is not None and transport is not None:
            raise ConfigurationError("give sessions or transport, not both")
        if sessions is not None and not isinstance(sessions, SessionManager):
            raise ConfigurationError("sessions must be a SessionManager, or None")
        self._own_loop = OwnLoop()
        self._sessions = sessions or SessionManager()  # beside a transport, it is idle
        self._owns_sessions = sessions is None
        self._opens_sessions = transport is None
        used = self._sessions if transport is None else transport
        self._dispatcher = Dispatcher(
            pabx, used, retry=retry, pause=pause, on_event=on_event
        )
        if transport is None:
            for one in self._dispatcher.pabx:
                self._sessions.load_tls(one)
        self._was_entered = self._closed = False

    async def __aenter__(self) -> Self:
        self._check_usable()
        self._was_entered = True
        anyio.CancelScope()  # loads anyio's backend, before any call
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        names = ", ".join(pabx.name for pabx in self._dispatcher.pabx)
        return f"<DigitroClient {'closed ' if self._closed else ''}{names}>"

    def __del__(self) -> None:
        if getattr(self, "_closed", True):  # or its settings were refused
            return
        if self._sessions.closed or not self._opens_sessions:
            return  # whoever shares the manager, or made the transport, closes it
        if not (self._was_entered or (self._owns_sessions and self._sessions.hosts)):
            return  # nothing was opened
        several = {address_of(pabx.base_url): 0 for pabx in self._dispatcher.pabx}
        first, *others = several
        where = f" for {first}" + (f" and {len(others)} more" if others else "")
        warn_unclosed(
            self,
            self._own_loop.place,
            'use it as "async with", or await its aclose()',
            where,
        )

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
        deadline: float | None = None,
    ) -> CallAccepted:
        """Make one predictive call.

        It is safe to await this in a handler of a web server: the call takes the next
        turn, before calls of ``dispatch`` that wait (which keep one turn in four), and
        fails at once where the PABX is paused.

        Args:
            call: The call.
            pabx: Name of the PABX that must take it; None for the least loaded one.
            max_wait: Most seconds to wait for a turn; None for no limit. Each attempt
                has a turn of its own.
            deadline: Seconds from now after which nothing new begins: no turn, no wait
                for a channel or a throttle, no retry. None for no limit. A call that is
                on the wire is not cut off: it ends by its PABX's ``TimeoutSettings``.
                A call without an attempt is then not sent; any other ends with the
                error of its last attempt.

        Returns:
            The acceptance: "command received", not "answered".

        Raises:
            InvalidCallError: The call can't be sent as it is.
            NotSentError: Nothing left this process; the call may be sent again. The
                class of the error says why.
            RejectedError: The PABX refused this call.
            RefusedError: The PABX refused for a reason that is not this call's fault.
            OutcomeUnknownError: The call may have been placed; do not send it again
                blindly.
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
            ConfigurationError: The PABX can't be used as configured, there is no PABX
                of that name, or a limit is no number of seconds.
            asyncio.CancelledError: The task was cancelled. An attempt on the wire is
                cut off and counts as unknown, also for the rules that pause a PABX.
        """
        self._check_usable()
        result = await self._dispatcher.submit(
            call, pabx=pabx, max_wait=max_wait, deadline=deadline
        )
        del call  # of any class; tools show the locals of an error's frames
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
        """Make many calls and give their results in order of completion.

        ``calls`` is read only as fast as calls can be sent and results are taken. The
        failure of one call never touches another call. Single calls of this client go
        first, and these keep one turn in four.

        Example::

            async with client.dispatch(calls) as results:
                async for result in results:
                    print(result.outcome, result.call_id)

        Args:
            calls: Calls, or ``DispatchItem`` where a call names its PABX or carries a
                key; any iterable or async iterable.
            recorder: The recorder that is told of every attempt, before and after the
                attempt is made; that of a ``Campaign`` writes to its ledger.

        Raises:
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
            ConfigurationError: The recorder is none.
        """
        self._check_usable()
        return self._dispatcher.stream(calls, recorder)

    async def warm(
        self, connections: int = 1, *, pabx: str | None = None
    ) -> dict[str, int]:
        """Open connections ahead of the first calls; nothing is sent on them.

        It takes the cost of connecting out of the first calls, and spreads the rush
        where there are many PABX: some connect at the same time, not all. A connection
        that is not used in time is closed like every idle one (``idle_seconds``).

        Args:
            connections: Connections to each PABX that are enough, with those that are
                open; never more than ``max_connections``.
            pabx: Name of the PABX, None for every PABX.

        Returns:
            Connections that were opened, by name of the PABX. None can be opened where
            a PABX can't be reached, which is no error here: its first call says why.
            None is where ``PoolSettings.reuse`` is off, or over a ``transport``.

        Raises:
            ConfigurationError: If there is no PABX of that name, ``connections`` is no
                whole number above zero, or the PABX can't be used as configured.
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
        """
        self._check_usable()
        self._dispatcher.check_name(pabx)
        if type(connections) is not int or connections < 1:
            raise ConfigurationError("connections must be a whole number above 0")
        several = [one for one in self._dispatcher.pabx if pabx in (None, one.name)]
        opened = {one.name: 0 for one in several}
        waiting = iter(several)

        async def open_some() -> None:
            for one in waiting:
                opened[one.name] = await self._sessions.warm(one, connections)

        if self._opens_sessions:
            await _run_all(open_some() for _ in several[:WARMED_AT_ONCE])
        return opened

    def set_channel_id(self, channel_id: int | None, pabx: str | None = None) -> None:
        """Set the event channel of calls that start from now on.

        Use it for a PABX that was made with ``channel_id=None``, or after a PABX closed
        its event channel. Connections stay open, and calls that wait for a channel
        start. A pause ends if its cause was that the PABX did not find the channel.

        Args:
            channel_id: Id of the event channel. None says that an id will be given
                later: until then calls wait, for ``max_wait`` at most. Without this
                None, calls to a PABX that has no channel fail at once.
            pabx: Name of the PABX, None for every PABX.

        Raises:
            ConfigurationError: If there is no PABX of that name, or ``channel_id`` is
                no id.
        """
        self._check_open()
        self._dispatcher.set_channel_id(channel_id, pabx)

    def statistics(self) -> Statistics:
        """Return the counts and the state of each PABX at this moment.

        Any thread may ask.
        """
        return self._dispatcher.statistics()

    def health(self) -> Health:
        """Return whether calls can be made at this moment, and why not.

        Any thread may ask.
        """
        return self._dispatcher.health()

    def resume(self, pabx: str | None = None) -> None:
        """Start calls again after a pause for any reason.

        Any thread may ask; in another one than the event loop's the pause ends soon
        after the return.

        Args:
            pabx: Name of the PABX, None for every PABX.

        Raises:
            ConfigurationError: If there is no PABX of that name.
            ClientClosedError: The client was closed.
            WrongLoopError: The event loop of the client was closed.
        """
        self._check_open()
        self._dispatcher.check_name(pabx)
        loop = self._own_loop.loop
        if loop is None or self._own_loop.is_running_here:
            self._dispatcher.resume(pabx)
            return
        try:
            loop.call_soon_threadsafe(self._dispatcher.resume, pabx)
        except RuntimeError:
            raise self._own_loop.wrong_loop_error(self) from None

    async def aclose(self) -> None:
        """Start no further call, let the calls on the wire finish, then close.

        An iteration over results gives the last results, and then raises
        ``DrainedError`` unless the source of the calls is exhausted.

        Raises:
            WrongLoopError: The client belongs to another event loop.
        """
        if self._closed:
            return
        self._own_loop.check(self)
        self._closed = True
        # An anyio scope that was cancelled would not let anything on the wire finish.
        with anyio.CancelScope(shield=True):
            try:
                await self._dispatcher.drain()
            finally:
                if self._owns_sessions:
                    await self._sessions.aclose()

    def _check_usable(self) -> None:
        if self._closed:
            self._check_open()
        self._own_loop.check(self)
        if not self._owns_sessions:
            self._sessions.check_usable()

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError(
                f"{self!r} was closed and makes no further call: make another client"
            )


async def _run_all(several: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all at the same time; where one fails, end the others and raise its error."""
    tasks = [asyncio.ensure_future(one) for one in several]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
