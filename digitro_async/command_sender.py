"""CommandSender: sends calls and other commands one at a time."""

from collections.abc import Collection, Mapping
from typing import TypedDict, Unpack, overload

from digitro_async.control_commands import (
    DTMFDetection,
    OtherCommand,
    PasswordChange,
    QueueRedirect,
)
from digitro_async.dispatch import Dispatcher
from digitro_async.errors import OutcomeUnknownError
from digitro_async.models import (
    Call,
    CallAccepted,
    CommandAccepted,
    CommandAnswer,
    PredictiveCall,
)
from digitro_async.privacy import Personal, Secret

__all__ = ["CommandSender"]


class _Limits(TypedDict, total=False):
    """The options of ``DigitroClient.send``."""

    pabx: str | None
    max_wait: float | None
    deadline: float | None


class CommandSender:
    """Sends calls and other commands one at a time, and waits for each answer.

    Base of ``DigitroClient``.
    """

    _dispatcher: Dispatcher

    def _check_usable(self) -> None:
        """Demand that it is open, and used in its own event loop."""
        raise NotImplementedError

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
        sending = self.send(call, pabx=pabx, max_wait=max_wait, deadline=deadline)
        del call  # of any class; tools show the locals of an error's frames
        return await sending

    @overload
    async def send(
        self, call: PredictiveCall, **limits: Unpack[_Limits]
    ) -> CallAccepted: ...

    @overload
    async def send(
        self,
        call: QueueRedirect | DTMFDetection | PasswordChange | OtherCommand,
        **limits: Unpack[_Limits],
    ) -> CommandAnswer: ...

    @overload
    async def send(self, call: Call, **limits: Unpack[_Limits]) -> CommandAccepted: ...

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
            max_wait: Most seconds to wait for a turn.
            deadline: Seconds from now after which nothing new begins.

        Returns:
            The answer, of the command's own class: "command received", not "done".

        Raises:
            DigitroError: As ``make_predictive_call`` raises it, of the same classes.
            asyncio.CancelledError: The task was cancelled.
        """
        self._check_usable()
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
        **limits: Unpack[_Limits],
    ) -> CommandAnswer:
        """Send a command that this library knows by nothing but its path.

        It is ``send(OtherCommand(...))``; the path of the predictive call is refused.

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
