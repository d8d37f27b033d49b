"""The port through which attempts are recorded before and after they are made."""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, runtime_checkable

from digitro_async.protocol import AttemptResult

__all__ = ["Recorder", "TakesDoubts"]


class Recorder(Protocol):
    """Told of every attempt of a stream, before it is made and after."""

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
        settled: AttemptResult,
        then: Callable[[AttemptResult], None],
    ) -> None:
        """Record what an attempt came to; whoever made it need not wait for that.

        What is given here before a call to ``record_intent`` is durable when that is.

        Args:
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.
            settled: What the attempt came to.
            then: Called once, in the loop, with what the attempt comes to by the
                record once that is durable, or as it is where it can't be recorded.
        """
        ...


@runtime_checkable
class TakesDoubts(Protocol):
    """A recorder that can also record doubts about what it recorded before."""

    def doubt(self, keys: Sequence[Hashable], pabx: str) -> None:
        """Record that the answers to calls may belong to other calls.

        Args:
            keys: The keys of the calls' ``DispatchItem``.
            pabx: Name of the PABX that gave the answers.
        """
        ...
