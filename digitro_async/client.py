"""The client, ``DigitroClient``, with which a program sends calls and commands."""

from collections.abc import Collection, Iterable, Mapping
from typing import Self, Unpack, overload

from digitro_async._client_parts import ClientParts, SendLimits
from digitro_async.call_events import CallEnd
from digitro_async.control_commands import (
    DTMFDetection,
    OtherCommand,
    PasswordChange,
    QueueRedirect,
)
from digitro_async.dispatch import (
    QUEUE_SIZE,
    CallEvents,
    Calls,
    Dispatcher,
    DispatchResults,
    Health,
    Recorder,
    Statistics,
)
from digitro_async.errors import OutcomeUnknownError
from digitro_async.models import (
    PABX,
    Call,
    CallAccepted,
    CommandAccepted,
    CommandAnswer,
    PredictiveCall,
)
from digitro_async.observe import ActivityStream, OnEvent
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import PauseSettings, RetrySettings
from digitro_async.transport import SessionManager, Transport

__all__ = ["DigitroClient"]


class DigitroClient:
    """Makes predictive calls over one or several PABX.

    One client belongs to one event loop and may be used by any number of tasks.

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
        self._parts = ClientParts(
            pabx,
            retry=retry,
            pause=pause,
            sessions=sessions,
            transport=transport,
            on_event=on_event,
        )
        self._dispatcher = self._parts.dispatcher

    async def __aenter__(self) -> Self:
        self._parts.open(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        names = ", ".join(pabx.name for pabx in self._dispatcher.pabx)
        state = "closed " if self._parts.is_closed else ""
        return f"<DigitroClient {state}{names}>"

    def __del__(self) -> None:
        if hasattr(self, "_dispatcher"):  # else its settings were refused
            self._parts.warn_unclosed(self)

    @property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher: ``submit``, ``pause``, ``resume``, ``drain``."""
        return self._dispatcher

    @property
    def activity(self) -> ActivityStream:
        """What happens inside, for observers: ``activity.observe(function)``."""
        return self._dispatcher.activity

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
            max_wait: Most seconds to wait for each attempt's turn; None for no limit.
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
                cut off and counts as unknown.
        """
        sending = self.send(call, pabx=pabx, max_wait=max_wait, deadline=deadline)
        del call  # of any class; tools show the locals of an error's frames
        return await sending

    @overload
    async def send(
        self, call: PredictiveCall, **limits: Unpack[SendLimits]
    ) -> CallAccepted: ...

    @overload
    async def send(
        self,
        call: QueueRedirect | DTMFDetection | PasswordChange | OtherCommand,
        **limits: Unpack[SendLimits],
    ) -> CommandAnswer: ...

    @overload
    async def send(
        self, call: Call, **limits: Unpack[SendLimits]
    ) -> CommandAccepted: ...

    async def send(
        self,
        call: Call,
        *,
        pabx: str | None = None,
        max_wait: float | None = None,
        deadline: float | None = None,
    ) -> CommandAccepted:
        """Send one command of any class, and return the answer of the PABX.

        It waits and fails as a call does: see ``make_predictive_call``. "The call may
        have been placed" then means that the command may have been carried out.

        Args:
            call: The command.
            pabx: Name of the PABX that must take it; None for the least loaded one. A
                command about a call belongs to the PABX that has the call.
            max_wait: As for ``make_predictive_call``, as is ``deadline``.
            deadline: Seconds from now after which nothing new begins.

        Returns:
            The answer, of the command's own class: "command received", not "done".

        Raises:
            DigitroError: As ``make_predictive_call`` raises it, of the same classes.
            asyncio.CancelledError: The task was cancelled.
        """
        self._parts.check_usable(self)
        result = await self._dispatcher.submit(
            call, pabx=pabx, max_wait=max_wait, deadline=deadline
        )
        del call  # of any class; tools show the locals of an error's frames
        if result.accepted is not None:
            return result.accepted
        error = result.error or OutcomeUnknownError()
        try:
            raise error
        finally:
            del result, error  # the error's traceback refers to this frame

    async def command(
        self,
        path: str,
        fields: Mapping[str, str | Secret | Personal | None],
        *,
        repeatable: bool = False,
        plain: Collection[str] = (),
        **limits: Unpack[SendLimits],
    ) -> CommandAnswer:
        """Send a command that this library knows by nothing but its path.

        Args:
            path: What follows ``/requests/{channel_id}/`` in the path; where it holds
                ``{channel_id}`` itself, the whole path after the base URL.
            fields: The fields of the body by their names on the wire, as text.
            repeatable: Whether it may be sent again where its outcome is unknown.
            plain: Names of fields that may be shown; all others are masked.
            limits: ``pabx``, ``max_wait`` and ``deadline``: see ``send``.

        Raises:
            InvalidCallError: The path or a field can't be used.
            DigitroError: As ``send`` raises it.
        """
        try:
            given = OtherCommand(path, fields, repeatable=repeatable, plain=plain)
        finally:
            del fields  # tools show the locals of an error's frames
        return await self.send(given, **limits)

    def dispatch(
        self,
        calls: Calls,
        *,
        recorder: Recorder | None = None,
        wait_for_end: bool = False,
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
                attempt is made; that of a ``Campaign`` writes to its ledger. One that
                is an ``EndRecorder``, too, is told what became of calls.
            wait_for_end: Whether the result of a call that the PABX took, or may have
                taken, waits until events tell what became of the call (``end``), or
                until its ``end_timeout``. Other calls go on meanwhile. What still waits
                when the block is left or the client closes comes with ``end`` None.

        Raises:
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
            ConfigurationError: The recorder is none, or the end is waited for and no
                PABX has ``events``.
        """
        self._parts.check_usable(self)
        return self._dispatcher.stream(calls, recorder, wait_for_end=wait_for_end)

    def call_events(self, *, queue_size: int = QUEUE_SIZE) -> CallEvents:
        """Return the events of calls from now on, for ``async for``.

        Events of others' calls are among them. A slow iteration delays nothing: where
        its queue is full, a ``Gap`` says how many it lost. It ends with the client.

        Args:
            queue_size: Most events that wait.

        Raises:
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
            ConfigurationError: No PABX has ``events``, or the size is below 1.
        """
        self._parts.check_usable(self)
        return self._dispatcher.call_events(queue_size)

    async def call_end(self, call_id: str, *, pabx: str | None = None) -> CallEnd:
        """Wait until it is known what became of a call of this client, and return it.

        It takes as long as the call, and the PABX's ``end_timeout`` at most.

        Args:
            call_id: The call id, as in the acceptance.
            pabx: Name of the PABX that took it; None where there is one with events.

        Raises:
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
            DrainedError: The client was closed meanwhile.
            ConfigurationError: The PABX has no ``events``, or no call with that id is
                in progress, or ended lately.
        """
        self._parts.check_usable(self)
        return await self._dispatcher.call_end(call_id, pabx)

    async def warm(
        self, connections: int = 1, *, pabx: str | None = None
    ) -> dict[str, int]:
        """Open connections ahead of the first calls; nothing is sent on them.

        Where there are many PABX, some connect at the same time, not all. A connection
        that is not used in time is closed like every idle one (``idle_seconds``).

        Args:
            connections: Connections to each PABX that are enough, with those that are
                open; never more than ``max_connections``.
            pabx: Name of the PABX, None for every PABX.

        Returns:
            Connections opened, by name of the PABX: 0 where it can't be reached (its
            first call says why), keeps no connections, or has a ``transport``.

        Raises:
            ConfigurationError: If there is no PABX of that name, ``connections`` is no
                whole number above zero, or the PABX can't be used as configured.
            ClientClosedError: The client was closed.
            WrongLoopError: The client belongs to another event loop.
        """
        self._parts.check_usable(self)
        return await self._parts.warm(connections, pabx)

    def set_channel_id(self, channel_id: int | None, pabx: str | None = None) -> None:
        """Set the event channel of calls that start from now on.

        Connections stay open, and calls that wait for a channel start. A pause ends if
        its cause was that the PABX did not find the channel.

        Args:
            channel_id: Id of the event channel. None says that an id will be given
                later: until then calls wait, for ``max_wait`` at most. Without this
                None, calls to a PABX that has no channel fail at once.
            pabx: Name of the PABX, None for every PABX.

        Raises:
            ConfigurationError: If there is no PABX of that name, or ``channel_id`` is
                no id.
        """
        self._parts.check_open(self)
        self._dispatcher.set_channel_id(channel_id, pabx)

    def statistics(self) -> Statistics:
        """Return the counts and the state of each PABX now. Any thread may ask."""
        return self._dispatcher.statistics()

    def health(self) -> Health:
        """Return whether calls can be made now, and why not. Any thread may ask."""
        return self._dispatcher.health()

    def resume(self, pabx: str | None = None) -> None:
        """Start calls again after a pause for any reason. Any thread may ask.

        Args:
            pabx: Name of the PABX, None for every PABX.

        Raises:
            ConfigurationError: If there is no PABX of that name.
            ClientClosedError: The client was closed.
            WrongLoopError: The event loop of the client was closed.
        """
        self._parts.check_open(self)
        self._parts.resume(self, pabx)

    async def aclose(self) -> None:
        """Start no further call, let the calls on the wire finish, then close.

        An iteration over results gives the last results, and then raises
        ``DrainedError`` unless the source of the calls is exhausted.

        Raises:
            WrongLoopError: The client belongs to another event loop.
        """
        await self._parts.aclose(self)
