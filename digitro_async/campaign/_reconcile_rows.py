"""Settles many unknown contacts by evidence; one that can't be settled stops none."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import attrs

from digitro_async.campaign._evidence_file import EvidenceProblem, EvidenceRow
from digitro_async.errors import IllegalTransitionError, LedgerError
from digitro_async.ledger import ContactRecord, Ledger, State
from digitro_async.ledger._ledger_clock import CLOCK
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._reconciliation import QUARANTINE, decide
from digitro_async.ledger._written_ids import ids_written_as, readings_of

__all__ = ["EvidenceSummary", "reconcile_rows"]

_OF_THE_ROW = frozenset(
    {"illegal_step", "no_evidence", "no_such_contact", "quarantine"}
)
"""Reasons of errors that are about one row, and not about the ledger."""


@attrs.define
class EvidenceSummary:
    """Counts of rows of evidence.

    Attributes:
        accepted: Contacts that were settled as called.
        not_placed: Contacts that may be called again.
        known: Contacts of which the ledger had it already.
        problems: Rows that settled nobody.
    """

    accepted: int = 0
    not_placed: int = 0
    known: int = 0
    problems: int = 0


async def reconcile_rows(
    ledger: Ledger,
    rows: Iterable[EvidenceRow | EvidenceProblem],
    *,
    evidence: str = "",
    problem: Callable[[EvidenceProblem], None] | None = None,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> EvidenceSummary:
    """Settle unknown contacts by evidence, each as ``Ledger.reconcile`` does.

    Rows that were settled by an earlier run of the same file are counted as known.

    Args:
        ledger: An open ledger.
        rows: The rows, as ``read_evidence`` yields them. All are read first.
        evidence: The source for rows that give none.
        problem: Called with a row that settled nobody.
        dry_run: Whether nothing is changed.
        stop: Whether to settle no further row; asked before each.

    Raises:
        LedgerError: If the ledger can't be read or written. What was settled before
            stays so.
        ConfigurationError: If the rows can't be read to their end. Nothing is settled.
    """
    read = list(rows)
    found = await _find(ledger, [one for one in read if isinstance(one, EvidenceRow)])
    settling = _Settling(ledger, found, evidence, dry_run=dry_run)
    for row in read:
        if stop():
            break
        if isinstance(row, EvidenceProblem):
            reason = row.reason
        else:
            reason = await settling.settle(row)
        if reason:
            settling.summary.problems += 1
            if problem is not None:
                problem(EvidenceProblem(row.line, reason))
    return settling.summary


class _Found:
    """The contacts that rows may mean."""

    def __init__(self) -> None:
        self.by_number: dict[int, ContactRecord] = {}
        self.by_id: dict[str, set[int]] = defaultdict(set)

    def of(self, row: EvidenceRow) -> set[int]:
        """Return the numbers of the contacts that a row may mean."""
        meant: set[int] | None = None
        if row.number is not None:
            meant = {row.number} & self.by_number.keys()
        if row.id is not None:
            ids = ids_written_as(row.id.reveal())
            named = {number for own_id in ids for number in self.by_id.get(own_id, ())}
            number = _number_of(row)
            if not named and meant is None and number in self.by_number:
                named = {number}
            meant = named if meant is None else meant & named
        return meant or set()


def _number_of(row: EvidenceRow) -> int | None:
    """Return the number that stands as ``#17`` in the place of an id, or None."""
    return None if row.id is None else readings_of(row.id.reveal())[1]


async def _find(ledger: Ledger, rows: Iterable[EvidenceRow]) -> _Found:
    """Look through the ledger once: to look for each id would take a million steps."""
    numbers = {row.number for row in rows} | {_number_of(row) for row in rows}
    ids = {
        own_id
        for row in rows
        if row.id is not None
        for own_id in ids_written_as(row.id.reveal())
    }
    found = _Found()
    if not ids and numbers <= {None}:
        return found
    async for entry in ledger.entries():
        own_id = None if entry.id is None else entry.id.reveal()
        if entry.number in numbers or own_id in ids:
            found.by_number[entry.number] = entry
            if own_id is not None:
                found.by_id[own_id].add(entry.number)
    return found


@attrs.define
class _Settling:
    """Settles the contact of one row after another."""

    ledger: Ledger
    found: _Found
    evidence: str
    dry_run: bool = attrs.field(kw_only=True)
    summary: EvidenceSummary = attrs.field(init=False, factory=EvidenceSummary)
    _lines: dict[int, int] = attrs.field(init=False, factory=dict)

    async def settle(self, row: EvidenceRow) -> str:
        """Settle a row's contact; return why that can't be, or an empty text."""
        meant = self.found.of(row)
        if not meant:
            both = row.number is not None and row.id is not None
            return "its contact and its id are not one contact" if both else _NOBODY
        if len(meant) > 1:
            return "several contacts can be meant: name one by its number, as contact"
        (number,) = meant
        line = self._lines.setdefault(number, row.line)
        if line != row.line:
            return f"is the contact of line {line}"
        entry = self.found.by_number[number]
        if _is_known(entry, accepted=row.accepted):
            self.summary.known += 1
            return ""
        try:
            await self._reconcile(row, entry, row.evidence or self.evidence)
        except LedgerError as error:
            if error.reason not in _OF_THE_ROW:
                raise
            if isinstance(error, IllegalTransitionError):
                return f"the contact is {entry.state}; only an unknown one is settled"
            return str(error.args[0])
        if row.accepted:
            self.summary.accepted += 1
        else:
            self.summary.not_placed += 1
        return ""

    async def _reconcile(
        self, row: EvidenceRow, entry: ContactRecord, evidence: str
    ) -> None:
        ledger, now = self.ledger, time.time()
        if not self.dry_run:
            await ledger.reconcile(
                entry.number, accepted=row.accepted, evidence=evidence, now=now
            )
            return
        decide(
            entry.state,
            entry.sent_at,
            await ledger.get_setting(QUARANTINE),
            accepted=row.accepted,
            evidence=evidence,
            now=now,
            clock=await ledger.get_setting(CLOCK),
            read=read_clock(),
        )


_NOBODY = "there is no such contact"


def _is_known(entry: ContactRecord, *, accepted: bool) -> bool:
    """Whether the ledger has it already that a contact was called, or was not."""
    if accepted:
        return entry.state is State.ACCEPTED
    return entry.state is State.PENDING and entry.reason == "reconciled"
