"""MemoryCallEnds: the ends of the calls of a ``MemoryLedger``."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs

from digitro_async.call_events import CallEnd, CallSeen
from digitro_async.errors import LedgerError
from digitro_async.ledger._call_ends_port import (
    AwaitedEnd,
    EndCounts,
    OnEndRecorded,
    evidence_of,
    kept_text,
)
from digitro_async.ledger._reconciliation import (
    check_found,
    check_seen,
    step_by_evidence,
)
from digitro_async.ledger._records import ClaimOwner, Reconciliation, storable
from digitro_async.ledger._state import State
from digitro_async.ledger.memory._memory_rows import MemoryRow

__all__ = ["MemoryCallEnds"]


class MemoryCallEnds:
    """The ends of the calls of a ledger in memory; see ``CallEnds``.

    Args:
        rows: The contacts, by number.
        call_ids: Name of a PABX and call id of each call that was accepted.
        check_open: Raises where the ledger is not open.
    """

    def __init__(
        self,
        rows: Mapping[int, MemoryRow],
        call_ids: set[tuple[str, str]],
        check_open: Callable[[], None],
    ) -> None:
        self._rows = rows
        self._call_ids = call_ids
        self._check_open = check_open
        self._timeouts: dict[tuple[str, str], float] = {}  # of an owner and a PABX

    async def expect(self, owner: ClaimOwner, timeouts: Mapping[str, float]) -> None:
        """Note that an owner hears of the ends of its calls. See ``CallEnds``."""
        self._check_open()
        for pabx, timeout in timeouts.items():
            self._timeouts[owner.id, pabx] = timeout

    def record(self, number: int, end: CallEnd, *, on_done: OnEndRecorded) -> None:
        """Record the end of a call. See ``CallEnds``."""
        self._check_open()
        row = self._rows.get(number)
        if row is not None:
            row.record_end(_kept(number, end))
        asyncio.get_running_loop().call_soon(on_done, None, None)

    async def awaited(self) -> Sequence[AwaitedEnd]:
        """Return the calls that are to get an end and have none."""
        self._check_open()
        return self._awaited()

    def settle_seen(
        self, number: int, seen: CallSeen, *, now: float
    ) -> Awaitable[Reconciliation]:
        """Settle an unknown contact whose call was seen. See ``CallEnds``."""
        self._check_open()
        settled: asyncio.Future[Reconciliation] = (
            asyncio.get_running_loop().create_future()
        )
        try:
            settled.set_result(self._settle_seen(number, seen, now))
        except LedgerError as error:
            settled.set_exception(error.with_traceback(None))
        return settled

    def _settle_seen(self, number: int, seen: CallSeen, now: float) -> Reconciliation:
        row = self._rows.get(number)
        check_found(int(row is not None))
        assert row is not None  # noqa: S101 - for the type checker
        evidence, call_id = evidence_of(seen), storable(seen.call_id)
        _, becomes = step_by_evidence(row.state, evidence, accepted=True)
        given = (seen.pabx, call_id)
        check_seen(row.pabx, seen.pabx, is_known=given in self._call_ids)
        row.state, row.call_id, row.evidence = becomes, call_id, evidence
        row.reason, row.settled_at = "reconciled", now
        self._call_ids.add(given)
        return Reconciliation(number, row.state)

    async def counts(self) -> EndCounts:
        """Return how many calls ended how."""
        self._check_open()
        return self.count()

    def count(self) -> EndCounts:
        """Return the same, also of a ledger that is not open."""
        ends = Counter(
            row.end.disposition
            for row in self._rows.values()
            if row.end is not None and row.gets_end
        )
        return EndCounts(dict(ends), len(self._awaited()))

    def _awaited(self) -> list[AwaitedEnd]:
        return [
            AwaitedEnd(
                number=row.number,
                pabx=row.pabx,
                call_id=row.call_id,
                since=_since(row) or 0.0,
                timeout=self._timeouts[row.owner, row.pabx],
            )
            for row in self._rows.values()
            if row.gets_end
            and row.end is None
            and row.pabx is not None
            and (row.owner, row.pabx) in self._timeouts
        ]


def _since(row: MemoryRow) -> float | None:
    """Return when the time for a call's end began."""
    return row.settled_at if row.state is State.ACCEPTED else row.sent_at


def _kept(number: int, end: CallEnd) -> CallEnd:
    """Return what is kept of an end."""
    return attrs.evolve(
        end,
        key=number,
        word=kept_text(end.word) or None,
        call_id=storable(end.call_id) if end.call_id else None,
        pabx_times={phase: kept_text(at) for phase, at in end.pabx_times.items()},
    )
