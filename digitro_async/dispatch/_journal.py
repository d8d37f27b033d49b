"""The port through which attempts are recorded before and after they are made."""

from collections.abc import Hashable
from typing import Protocol

from digitro_async.protocol import Settled

__all__ = ["Journal"]


class Journal(Protocol):
    """Told of every attempt of a stream. What it returned from is durable."""

    async def intend(self, key: Hashable, pabx: str) -> None:
        """Record that a call is about to be sent.

        Args:
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.

        Raises:
            LedgerError: If it can't be recorded: then nothing is sent any more.
        """
        ...

    async def settle(self, key: Hashable, pabx: str, settled: Settled) -> Settled:
        """Record what an attempt came to, and return what it comes to by the record.

        Args:
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.
            settled: What the attempt came to.

        Raises:
            LedgerError: If it can't be recorded: then nothing is sent any more.
        """
        ...
