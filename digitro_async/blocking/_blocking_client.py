"""BlockingClient: a ``DigitroClient`` for programs without an event loop."""

import atexit
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Self, TypedDict, TypeVar, Unpack, overload

from digitro_async._common.unclosed import warn_unclosed
from digitro_async.blocking._blocking_results import BlockingResults
from digitro_async.blocking._loop_thread import LoopThread
from digitro_async.call_events import CallEnd
from digitro_async.calls import Call
from digitro_async.client import DigitroClient
from digitro_async.control_commands import (
    DTMFDetection,
    OtherCommand,
    PasswordChange,
    QueueRedirect,
)
from digitro_async.dispatch import Health, Statistics
from digitro_async.models import (
    PABX,
    CallAccepted,
    CommandAccepted,
    CommandAnswer,
    DispatchItem,
    PredictiveCall,
)
from digitro_async.observe import OnEvent
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = ["BlockingClient"]

T = TypeVar("T")


class _BlockingLimits(TypedDict, total=False):
    """The options of ``BlockingClient.send``."""

    pabx: str | None
    max_wait: float | None
    deadline: float | None


class BlockingClient:
    """Makes calls from any number of threads; each waits for its own.

    One ``DigitroClient`` works in the event loop of one thread, so all threads share
    its connections, its rate and its pauses. The methods have that client's names, and
    raise its errors.

    * A thread that is interrupted while it waits (Ctrl-C, a soft time limit of Celery)
      cancels its call: nothing new begins, and an attempt on the wire is cut off and
      counts as unknown.
    * A process that was forked has no such thread: every method says so. Open a client
      in each process, after the fork.
    * A client that is still open when the process ends in order is closed then.

    Example::

        with BlockingClient(pabx) as client:
            accepted = client.make_predictive_call(call, deadline=10)

    Args:
        pabx: The PABX, or several with different names.
        retry: When a call that was provably not placed is sent again.
        pause: When a PABX is paused because of what it answers.
        on_event: As for ``DigitroClient``; called in the thread of the loop, where no
            method of this client may be called but ``resume``.

    Raises:
        ConfigurationError: As ``DigitroClient`` raises it.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        *,
        retry: RetrySettings | None = None,
        pause: PauseSettings | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        self._client = DigitroClient(pabx, retry=retry, pause=pause, on_event=on_event)
        self._names = ", ".join(one.name for one in self._client.dispatcher.pabx)
        self._thread = LoopThread(f"<BlockingClient {self._names}>")
        self._at_exit: Callable[[], None] | None = None

    def open(self) -> Self:
        """Start the thread, and return the client; ``with`` does the same.

        Raises:
            ClientClosedError: The client was opened before.
        """
        self._thread.start(self._client)
        # Not bound to the client, which would then live as long as the process.
        self._at_exit = atexit.register(self._thread.stop)
        return self

    def close(self) -> None:
        """Start no further call, let the calls on the wire finish, then close.

        Calls of other threads that wait for their turn end NOT_SENT with
        ``DrainedError``.
        """
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
            self._at_exit = None
        self._thread.stop()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "" if self._thread.is_running else "not open "
        return f"<BlockingClient {state}{self._names}>"

    def __del__(self) -> None:
        thread = getattr(self, "_thread", None)  # None: its settings were refused
        if thread is not None and thread.is_running and not thread.is_forked:
            warn_unclosed(self, thread.place, 'use it as "with", or call its close()')

    def make_predictive_call(
        self,
        call: PredictiveCall,
        *,
        pabx: str | None = None,
        max_wait: float | None = None,
        deadline: float | None = None,
    ) -> CallAccepted:
        """Make one predictive call; see ``DigitroClient.make_predictive_call``.

        Args:
            call: The call.
            pabx: Name of the PABX that must take it; None for the least loaded one.
            max_wait: Most seconds to wait for each attempt's turn; None for no limit.
            deadline: Seconds from now after which nothing new begins.

        Raises:
            DigitroError: As the method of that name raises it.
            ClientClosedError: The client is not open.
            WrongLoopError: The process was forked, or this is the client's own thread.
        """
        return self.send(call, pabx=pabx, max_wait=max_wait, deadline=deadline)

    @overload
    def send(
        self, call: PredictiveCall, **limits: Unpack[_BlockingLimits]
    ) -> CallAccepted: ...

    @overload
    def send(
        self,
        call: QueueRedirect | DTMFDetection | PasswordChange | OtherCommand,
        **limits: Unpack[_BlockingLimits],
    ) -> CommandAnswer: ...

    @overload
    def send(
        self, call: Call, **limits: Unpack[_BlockingLimits]
    ) -> CommandAccepted: ...

    def send(self, call: Call, **limits: Unpack[_BlockingLimits]) -> CommandAccepted:
        """Send one command of any class; see ``DigitroClient.send``.

        Args:
            call: The command.
            limits: ``pabx``, ``max_wait`` and ``deadline``.

        Raises:
            DigitroError: As the method of that name raises it.
        """
        return self._thread.run(partial(self._client.send, call, **limits))

    def command(
        self,
        path: str,
        fields: Mapping[str, str | Secret | Personal | None],
        *,
        repeatable: bool = False,
        plain: Collection[str] = (),
        **limits: Unpack[_BlockingLimits],
    ) -> CommandAnswer:
        """Send a command that is known by its path; see ``DigitroClient.command``.

        Args:
            path: What follows ``/requests/{channel_id}/`` in the path.
            fields: The fields of the body by their names on the wire, as text.
            repeatable: Whether it may be sent again where its outcome is unknown.
            plain: Names of fields that may be shown; all others are masked.
            limits: ``pabx``, ``max_wait`` and ``deadline``.

        Raises:
            DigitroError: As the method of that name raises it.
        """
        try:
            given = OtherCommand(path, fields, repeatable=repeatable, plain=plain)
        finally:
            del fields  # tools show the locals of an error's frames
        return self.send(given, **limits)

    def dispatch(
        self, calls: Iterable[Call | DispatchItem], *, wait_for_end: bool = False
    ) -> BlockingResults:
        """Make many calls and give their results in order of completion.

        The calls are read in the thread that takes the results, as they are needed.

        Example::

            with client.dispatch(calls) as results:
                for result in results:
                    print(result.outcome, result.call_id)

        Args:
            calls: Calls, or ``DispatchItem`` where one names its PABX or has a key.
            wait_for_end: As for ``DigitroClient.dispatch``.

        Raises:
            ClientClosedError: The client is not open.
        """
        return BlockingResults(
            self._thread, self._client, calls, wait_for_end=wait_for_end
        )

    def call_end(self, call_id: str, *, pabx: str | None = None) -> CallEnd:
        """Wait until it is known what became of a call; see ``DigitroClient``.

        Args:
            call_id: The call id, as in the acceptance.
            pabx: Name of the PABX that took it; None where there is one with events.

        Raises:
            DigitroError: As the method of that name raises it.
        """
        return self._thread.run(partial(self._client.call_end, call_id, pabx=pabx))

    def warm(self, connections: int = 1, *, pabx: str | None = None) -> dict[str, int]:
        """Open connections ahead of the first calls; see ``DigitroClient.warm``.

        Args:
            connections: Connections to each PABX that are enough.
            pabx: Name of the PABX, None for every PABX.

        Raises:
            DigitroError: As the method of that name raises it.
        """
        return self._thread.run(partial(self._client.warm, connections, pabx=pabx))

    def run(self, work: Callable[[DigitroClient], Awaitable[T]]) -> T:
        """Run a coroutine function with the client, in its loop, and return its result.

        Whatever else the library can do is done so, a campaign for one. ``close``
        cancels it where it goes on.

        Args:
            work: Takes the ``DigitroClient``.

        Raises:
            Exception: As the work raises it.
        """
        return self._thread.run(partial(work, self._client), is_waited_for=False)

    def statistics(self) -> Statistics:
        """Return a snapshot of what became of the calls, and of every PABX."""
        return self._thread.run(partial(_called, self._client.statistics))

    def health(self) -> Health:
        """Return whether calls can be made, and what keeps them from it."""
        return self._thread.run(partial(_called, self._client.health))

    def resume(self, pabx: str | None = None) -> None:
        """Start calls again that a pause keeps back; from any thread.

        Args:
            pabx: Name of the PABX, None for every PABX.

        Raises:
            ConfigurationError: If there is no PABX of that name.
            WrongLoopError: The process was forked.
        """
        self._thread.check_process()
        self._client.resume(pabx)


async def _called(function: Callable[[], T]) -> T:
    return function()
