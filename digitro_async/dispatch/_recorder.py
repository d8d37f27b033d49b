"""The port through which attempts are recorded before and after they are made."""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from digitro_async.protocol import AttemptResult

__all__ = ["Recorder"]


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
