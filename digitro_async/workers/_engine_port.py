"""The port of the engine: moves slices of contacts to workers, and decides nothing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from types import TracebackType
from typing import Protocol, Self

import attrs

__all__ = ["Engine", "Handle", "Slice", "StalledSlice", "queue_of"]

LONGEST_QUEUE = 40
"""Most bytes of the name of a queue."""


@attrs.frozen
class Slice:
    """A slice: contacts of one campaign that one worker is handed at once.

    It is a hint where to look. Which of its contacts may be called is the ledger's to
    say: a slice that is lost, or handed out twice, calls nobody twice.

    Attributes:
        campaign: Name of the campaign.
        first: Number of its first contact in the ledger.
        last: Number of its last one.
        pabx: Name of the PABX that must take its contacts; None for those that any may.
    """

    campaign: str
    first: int
    last: int
    pabx: str | None = None

    @property
    def numbers(self) -> range:
        """The numbers of its contacts."""
        return range(self.first, self.last + 1)

    @property
    def queue(self) -> str:
        """The name of its queue, which is that of a campaign and a PABX."""
        return queue_of(self.campaign, self.pabx)


@attrs.frozen
class StalledSlice:
    """A slice whose worker is gone.

    Attributes:
        slice: The slice.
        id: The engine's id of it.
    """

    slice: Slice
    id: int


Handle = Callable[[Slice], Awaitable[None]]
"""Dials the contacts of a slice. It raises nothing."""


class Engine(Protocol):
    """Moves slices between processes.

    Every method ends within the time limit of the engine's statements. It raises
    ``EngineError`` where the engine's own store can't be read or written; what was
    asked for may have happened then.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def submit(self, slices: Sequence[Slice], *, after: float = 0.0) -> None:
        """Put slices in; one that waits already is left as it is.

        Args:
            slices: The slices.
            after: Seconds before which no worker gets them.

        Raises:
            EngineError: If the engine's store can't be written.
        """
        ...

    async def run_worker(
        self,
        handle: Handle,
        *,
        queues: Collection[str],
        concurrency: int,
        stop: asyncio.Event,
    ) -> None:
        """Hand slices out until it is told to stop and the last one is handled.

        It outlives failures of the engine's store: it tries again until it can.

        Args:
            handle: Dials a slice.
            queues: Names of the queues whose slices are wanted.
            concurrency: Most slices at once.
            stop: Set when no further slice is wanted.
        """
        ...

    async def stalled(self) -> Sequence[StalledSlice]:
        """Return the slices whose workers gave no sign of life for too long.

        Raises:
            EngineError: If the engine's store can't be read.
        """
        ...

    async def retry(self, stalled: StalledSlice) -> None:
        """Let another worker have a stalled slice.

        Raises:
            EngineError: If the engine's store can't be written.
        """
        ...


def queue_of(campaign: str, pabx: str | None) -> str:
    """Return the name of the queue of a campaign's contacts for a PABX, None for any.

    PostgreSQL has 63 bytes for the name of a channel, of which the engine takes some.
    """
    name = f"{campaign}/any" if pabx is None else f"{campaign}/pabx/{pabx}"
    if len(name.encode()) <= LONGEST_QUEUE:
        return name
    return hashlib.blake2b(name.encode(), digest_size=LONGEST_QUEUE // 2).hexdigest()
