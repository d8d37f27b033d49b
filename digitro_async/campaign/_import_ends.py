"""Takes the ends of calls out of a file into a ledger, each to its call."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs

from digitro_async.call_events import CallEnd, Disposition, EndEvidence
from digitro_async.campaign._ends_file import EndProblem, EndRow
from digitro_async.ledger import CallEnds, ContactRecord, State
from digitro_async.ledger._written_ids import ids_written_as

__all__ = ["EndsSummary", "import_ends"]

_BATCH: Final = 1_000
_EARLY: Final = 300.0
"""Seconds that the clocks of a PABX and of this machine may differ by."""

_Keys = dict[object, list[EndRow]]


@attrs.define
class EndsSummary:
    """What became of the rows of a file of ends.

    Attributes:
        recorded: Ends that the ledger has now.
        known: Ends that it had before.
        problems: Rows that tell the end of no call of the ledger.
    """

    recorded: int = 0
    known: int = 0
    problems: int = 0


async def import_ends(
    ends: CallEnds,
    entries: Iterable[ContactRecord],
    rows: Iterable[EndRow | EndProblem],
    *,
    now: float,
    problem: Callable[[EndProblem], None] | None = None,
    dry_run: bool = False,
) -> EndsSummary:
    """Record what a file tells of calls that a ledger has no end of.

    Ends that events told of stay as they are. Where a row gives no time of the end, the
    call is taken to have ended now: nothing that counts from its end is too early.

    Args:
        ends: The ends of the ledger, open.
        entries: The contacts of the same ledger.
        rows: The rows of the file, as ``read_ends`` yields them.
        now: The time.
        problem: Called with each row that tells the end of no call.
        dry_run: Whether each row is checked and nothing recorded.

    Raises:
        LedgerError: If the ledger can't be written.
    """
    taker = _EndTaker(problem)
    by_key, wanted = taker.sorted(rows)
    batch: list[tuple[int, CallEnd]] = []
    for entry in entries:
        found = _rows_of(entry, by_key)
        if not found:
            continue
        for row in found:
            wanted.pop(row.line, None)
        batch += taker.ends_of(entry, found, now)
        if len(batch) >= _BATCH:
            await _record(ends, batch, dry_run=dry_run)
            batch = []
    await _record(ends, batch, dry_run=dry_run)
    for line in wanted:
        taker.report(line, "the ledger has no such contact or call")
    return taker.summary


@attrs.define
class _EndTaker:
    """Counts rows, and tells of those that can't be used.

    Attributes:
        problem: Takes these.
        summary: The counts.
    """

    problem: Callable[[EndProblem], None] | None
    summary: EndsSummary = attrs.field(factory=EndsSummary)

    def report(self, line: int, reason: str) -> None:
        """Count and tell of a row that tells the end of no call."""
        self.summary.problems += 1
        if self.problem is not None:
            self.problem(EndProblem(line, reason))

    def sorted(
        self, rows: Iterable[EndRow | EndProblem]
    ) -> tuple[_Keys, dict[int, EndRow]]:
        """Return rows by their keys, and by their lines."""
        by_key: _Keys = {}
        wanted: dict[int, EndRow] = {}
        for row in rows:
            if isinstance(row, EndProblem):
                self.report(row.line, row.reason)
                continue
            wanted[row.line] = row
            for key in _keys_of(row):
                by_key.setdefault(key, []).append(row)
        return by_key, wanted

    def ends_of(
        self, entry: ContactRecord, rows: list[EndRow], now: float
    ) -> Iterator[tuple[int, CallEnd]]:
        """Yield the end of a contact's call, if the rows tell of one that is new."""
        end = _end_of(entry, rows, now)
        if isinstance(end, str):
            for row in rows:
                self.report(row.line, end)
        elif end is None:
            self.summary.known += 1
        else:
            self.summary.recorded += 1
            yield entry.number, end


def _keys_of(row: EndRow) -> Iterator[object]:
    """Yield that by which a row names a contact; an id as an output may write it."""
    if row.number is not None:
        yield row.number
    elif row.id is not None:
        yield from (("id", one) for one in ids_written_as(row.id.reveal()))
    else:
        yield ("call", row.call_id)


def _rows_of(entry: ContactRecord, by_key: _Keys) -> list[EndRow]:
    """Return the rows that name a contact or its call."""
    own_id = None if entry.id is None else ("id", entry.id.reveal())
    found = [*by_key.get(entry.number, ()), *by_key.get(own_id, ())]
    if entry.call_id is not None:
        found += by_key.get(("call", entry.call_id), ())
    return found


def _end_of(
    entry: ContactRecord, rows: list[EndRow], now: float
) -> CallEnd | str | None:
    """Return the end of a contact's call, None where it is known, or a problem."""
    row = rows[0]
    for other in rows[1:]:
        if attrs.evolve(other, line=row.line) != row:
            return "the file says two things of one call"
    if row.id is not None and (
        entry.id is None or entry.id.reveal() != row.id.reveal()
    ):
        return "its id and its contact are two contacts"
    if row.call_id is not None and row.call_id != entry.call_id:
        return "the contact's last call has another call id"
    if entry.end is not None and entry.end.disposition is not Disposition.NONE_SEEN:
        if entry.end.disposition is row.disposition:
            return None
        return f"the call is known to have ended as {entry.end.disposition}"
    if entry.state is not State.ACCEPTED:
        return _NOT_CALLED.get(entry.state, f"its contact is {entry.state}")
    first = min(_times(row).values(), default=now)
    if entry.sent_at is not None and first < entry.sent_at - _EARLY:
        return "its times are before the contact's last call"
    if max(_times(row).values(), default=now) > now + _EARLY:
        return "its times are in the future"
    return CallEnd(
        pabx=entry.pabx or "",
        disposition=row.disposition,
        evidence=EndEvidence.REPORT,
        call_id=entry.call_id,
        key=entry.number,
        word=row.word,
        rang_at=row.rang_at,
        answered_at=row.answered_at,
        ended_at=now if row.ended_at is None else row.ended_at,
    )


_NOT_CALLED: Final[Mapping[State, str]] = {
    State.UNKNOWN: "its contact is unknown: digitro reconcile settles it first",
    State.INTENT: "its call is on the wire",
}


def _times(row: EndRow) -> dict[str, float]:
    given = {
        "rang_at": row.rang_at,
        "answered_at": row.answered_at,
        "ended_at": row.ended_at,
    }
    return {name: when for name, when in given.items() if when is not None}


async def _record(
    ends: CallEnds, batch: list[tuple[int, CallEnd]], *, dry_run: bool
) -> None:
    """Record ends, and wait until they are durable."""
    if dry_run:
        return
    loop = asyncio.get_running_loop()
    waits: list[asyncio.Future[None]] = []
    for number, end in batch:
        wait: asyncio.Future[None] = loop.create_future()
        waits.append(wait)

        def done(
            error: BaseException | None, _: object, wait: asyncio.Future[None] = wait
        ) -> None:
            if wait.done():
                return
            if error is None:
                wait.set_result(None)
            else:
                wait.set_exception(error)

        ends.record(number, end, on_done=done)
    await asyncio.gather(*waits)
