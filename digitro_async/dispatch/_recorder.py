"""The port through which attempts are recorded before and after they are made."""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, runtime_checkable

from digitro_async.call_events import CallEnd, CallSeen
from digitro_async.protocol import AttemptResult

__all__ = ["EndRecorder", "Recorder"]


class Recorder(Protocol):
    """Records every attempt of a stream, before it is made and after."""

    async def record_intent(self, key: Hashable, pabx: str) -> None:
        """Record that a call is about to be sent; it is durable on return.

        Args:
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.

        Raises:
            LedgerError: If it can't be recorded: then nothing is sent any more.
        """
        ...

    def record_outcome(
        self,
        key: Hashable,
        pabx: str,
        result: AttemptResult,
        on_recorded: Callable[[AttemptResult], None],
    ) -> None:
        """Record the result of an attempt; its call need not wait for that.

        A result that is given here before a call to ``record_intent`` is durable when
        that intent is.

        Args:
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.
            result: The result.
            on_recorded: Called once, in the loop, with the result by the record once
                that is durable, or with the given one where it can't be recorded.
        """
        ...

    def record_doubts(self, keys: Sequence[Hashable], pabx: str) -> None:
        """Record that the answers to calls may belong to other calls.

        Args:
            keys: The keys of the calls' ``DispatchItem``.
            pabx: Name of the PABX that gave the answers.
        """
        ...


# Apart from the Recorder, so that a recorder without these methods stays one.
@runtime_checkable
class EndRecorder(Protocol):
    """Records what became of calls, by the events of their PABX.

    A ``Recorder`` that has these two methods is told of it. Both are called in the
    event loop, after ``record_outcome`` for the same attempt, also when the stream of
    the call is over. What they raise is logged, and harms no call.
    """

    def record_end(
        self, key: Hashable, pabx: str, end: CallEnd, on_recorded: Callable[[], None]
    ) -> None:
        """Record what became of a call; there is one end for each attempt.

        Args:
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.
            end: What became of it.
            on_recorded: Called once, in the loop, once that is durable or where it
                can't be recorded.
        """
        ...

    def record_settled_by_event(self, key: Hashable, pabx: str, seen: CallSeen) -> None:
        """Record that a call was placed whose outcome is unknown: an event shows it.

        Its ``record_end`` comes later.

        Args:
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.
            seen: The event.
        """
        ...
