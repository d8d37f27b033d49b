"""MemoryLedgerReader: reads a ``MemoryLedger``."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from digitro_async.ledger._call_ends_port import EndCounts
from digitro_async.ledger._records import ContactRecord, Import
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State
from digitro_async.ledger.memory._memory_call_ends import MemoryCallEnds
from digitro_async.ledger.memory._memory_imports import MemoryImports
from digitro_async.ledger.memory._memory_rows import MemoryRow
from digitro_async.ledger.memory._memory_schedule import MemorySchedule

__all__ = ["MemoryLedgerReader"]


class MemoryLedgerReader:
    """Reads a ledger in memory, as ``LedgerReader`` says.

    Args:
        rows: The contacts, by number.
        imports: The imports.
        ends: The ends of their calls.
        schedule: Who of them waits until when.
    """

    def __init__(
        self,
        rows: Mapping[int, MemoryRow],
        imports: MemoryImports,
        ends: MemoryCallEnds,
        schedule: MemorySchedule,
    ) -> None:
        self._rows = rows
        self._imports = imports
        self._ends = ends
        self._schedule = schedule

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close nothing: all of it is in memory."""

    def why_not_dialled(self) -> str:
        """Return no text: it is copied and moved nowhere."""
        return ""

    def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        counts = dict.fromkeys(State, 0)
        for row in self._rows.values():
            counts[row.state] += 1
        return counts

    def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts had that many attempts."""
        return sum(
            row.state is State.PENDING and not row.may_try(max_attempts)
            for row in self._rows.values()
        )

    def count_ends(self) -> EndCounts:
        """Return how many calls ended how."""
        return self._ends.count()

    def waiting(self, now: float) -> WaitCounts:
        """Return how many pending contacts wait, and until when."""
        return self._schedule.count_waiting(now)

    def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        return self._imports.all()

    def entries(self) -> Iterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        for row in list(self._rows.values()):
            yield row.as_entry()
