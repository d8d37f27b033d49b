"""PURE: the port of the ledger for readers, who claim nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from digitro_async.ledger._call_ends_port import EndCounts
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    RecordFence,
    StepRecord,
)
from digitro_async.ledger._records import ContactRecord, Import
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State

__all__ = ["LedgerReader"]


class LedgerReader(Protocol):
    """Reads a ledger without claiming anything, also while others dial it.

    Every method, entering too, raises ``LedgerError`` where the ledger can't be read.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def why_not_dialled(self) -> str:
        """Return why it may not be dialled, as a copy or a backup; else no text."""
        ...

    def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        ...

    def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts ``Ledger.claim`` leaves out."""
        ...

    def count_ends(self) -> EndCounts:
        """Return how many calls ended how; of each contact the last call counts."""
        ...

    def waiting(self, now: float, max_attempts: int | None = None) -> WaitCounts:
        """Return how many pending contacts wait, and until when.

        Args:
            now: The time; contacts that are due by then do not count.
            max_attempts: As for ``Ledger.claim``.
        """
        ...

    def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        ...

    def entries(self) -> Iterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        ...

    def steps(self, after: int = 0) -> Iterator[StepRecord]:
        """Yield every step that was recorded, in order.

        A ledger in memory has those of calls only: intents, and what came of them.

        Args:
            after: Only steps with sequence numbers above this one.
        """
        ...

    def ends(self, after: tuple[int, int] = (0, 0)) -> Iterator[EndRecord]:
        """Yield the end of every call that has one, in the order of their places.

        One that gives way to another is told anew, and one that a doubt takes away is
        no more; ``count_told`` shows that either happened. A ledger in memory has that
        of each contact's last call only.

        Args:
            after: Only ends behind this place: ``told`` and ``intent`` of another one.
        """
        ...

    def count_told(self, until: int) -> int:
        """Return how many ends there are that were told at a place or before it."""
        ...

    def fence(self) -> RecordFence:
        """Return up to where all that is recorded can be seen, or soon can be."""
        ...

    def list_contacts(
        self, states: Collection[State], limit: int
    ) -> Sequence[ListedContact]:
        """Return the first contacts that are in one of some states.

        Args:
            states: The states.
            limit: Most contacts.
        """
        ...

    def list_waiting(self, now: float, limit: int) -> Sequence[ListedContact]:
        """Return the pending contacts that wait, the first that is due first.

        Args:
            now: The time; contacts that are due by then do not count.
            limit: Most contacts.
        """
        ...
