"""MemoryLedgerReader: reads a ``MemoryLedger``."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Self

import attrs

from digitro_async.ledger._call_ends_port import EndCounts
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    RecordFence,
    StepRecord,
)
from digitro_async.ledger._occupied_slots import SlotEvent
from digitro_async.ledger._records import ContactRecord, Import
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State, Step
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
        events: What happened, in order.
        schedule: Who of them waits until when.
    """

    def __init__(
        self,
        rows: Mapping[int, MemoryRow],
        imports: MemoryImports,
        ends: MemoryCallEnds,
        events: Sequence[SlotEvent],
        schedule: MemorySchedule,
    ) -> None:
        self._rows = rows
        self._imports = imports
        self._ends = ends
        self._events = events
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

    def waiting(self, now: float, max_attempts: int | None = None) -> WaitCounts:
        """Return how many pending contacts wait, and until when."""
        return self._schedule.count_waiting(now, max_attempts)

    def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        return self._imports.all()

    def entries(self) -> Iterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        for row in list(self._rows.values()):
            yield row.as_entry()

    def steps(self, after: int = 0) -> Iterator[StepRecord]:
        """Yield every step that was recorded, in order."""
        for sequence, event in enumerate(self._events[after:], after + 1):
            number, step, at, pabx, reason = event
            if step in _BY_PEOPLE:
                reason = None
            yield StepRecord(sequence, number, step, at, pabx, reason)

    def ends(self, after: tuple[int, int] = (0, 0)) -> Iterator[EndRecord]:
        """Yield the end of each contact's last call that has one."""
        for row in sorted(self._rows.values(), key=lambda row: row.sent_at or 0.0):
            end = row.end
            if end is not None and row.gets_end and after < _NEVER_SETTLED:
                yield EndRecord(
                    row.number,
                    end.pabx,
                    row.sent_at or 0.0,
                    end.disposition,
                    end.rang_at,
                    end.answered_at,
                    end.ended_at,
                    *_NEVER_SETTLED,
                )

    def count_told(self, until: int) -> int:  # noqa: ARG002 - as the port says
        """Return no number: no end has a place of its own."""
        return 0

    def fence(self) -> RecordFence:
        """Return one that no end is ever behind."""
        return RecordFence(len(self._events), 0, frozenset({"memory"}))

    def list_contacts(
        self, states: Collection[State], limit: int
    ) -> Sequence[ListedContact]:
        """Return the first contacts that are in one of some states."""
        rows = (row for row in self._rows.values() if row.state in states)
        return [_listed(row) for row in islice(rows, limit)]

    def list_waiting(self, now: float, limit: int) -> Sequence[ListedContact]:
        """Return the pending contacts that wait, the first that is due first."""
        rows = [
            row
            for row in self._rows.values()
            if row.state is State.PENDING and not row.is_due(now)
        ]
        rows.sort(key=lambda row: (row.due or 0.0, row.number))
        waiting = [
            attrs.evolve(_listed(row), due=row.due, wait=row.wait) for row in rows
        ]
        return waiting[:limit]


def _listed(row: MemoryRow) -> ListedContact:
    return ListedContact(
        number=row.number,
        line=row.contact.line,
        state=row.state,
        attempts=row.attempts,
        pabx=row.pabx,
        reason=row.reason,
        at=row.sent_at if row.settled_at is None else row.settled_at,
        destination=row.contact.destination,
    )


_NEVER_SETTLED = (1, 0)
"""The place of every end: they are read each time."""

_BY_PEOPLE = frozenset({Step.RECONCILE_ACCEPTED, Step.RECONCILE_NOT_PLACED})
"""Steps whose reason is text of people."""
