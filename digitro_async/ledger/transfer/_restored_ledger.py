"""Settles a ledger that came back from a backup: who may have been called since?"""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

import attrs

from digitro_async.ledger._state import FINAL, State
from digitro_async.privacy import Personal

__all__ = [
    "LEFT_OPEN",
    "LaterOutcome",
    "RestoreSummary",
    "RestoredLedger",
    "settle_restored",
]

LEFT_OPEN: Final = frozenset({State.PENDING, State.WITHHELD})
"""States of a contact that was not called, where the last results say so."""


@attrs.frozen(kw_only=True)
class LaterOutcome:
    """What results that were written later than the backup say of one contact.

    Attributes:
        number: The ledger's number of it.
        id: The caller's id, where it has one.
        state: Where it was.
        call_id: The PABX's call id.
        pabx: Name of the PABX that had it.
        reason: Why it is not accepted, as a code.
        sent_at: Unix time of its last intent.
    """

    number: int
    id: Personal | None = None
    state: State
    call_id: str | None = None
    pabx: str | None = None
    reason: str | None = None
    sent_at: float | None = None


@attrs.define
class RestoreSummary:
    """What settling a restored ledger did.

    Attributes:
        unknown: Contacts that were not final and may have been called: they became
            unknown, but for those of them that the results say were accepted.
        accepted: Contacts that became accepted, as the results say.
        final: Contacts that became invalid, as the results say that they are final.
        problems: Numbers of contacts of the results that could not be taken over, and
            why. Such a contact is unknown, if the ledger has it.
    """

    unknown: int = 0
    accepted: int = 0
    final: int = 0
    problems: dict[int, str] = attrs.field(factory=dict)


class RestoredLedger(Protocol):
    """A ledger that is being settled. Nothing is changed before ``commit``."""

    def begin(self) -> None:
        """Begin the change."""
        ...

    def is_contact(self, number: int, own_id: Personal | None) -> bool:
        """Whether a number and an id are those of one contact of it."""
        ...

    def doubt_open(self, but: Collection[int], now: float) -> int:
        """Make contacts unknown that are not final, and count them.

        Args:
            but: Numbers of contacts that stay as they are.
            now: The time.
        """
        ...

    def finish(self, number: int, reason: str, now: float) -> bool:
        """Make a pending contact invalid; whether it was one."""
        ...

    def accept(
        self, outcome: LaterOutcome, evidence: str, now: float
    ) -> tuple[State, str]:
        """Make a contact accepted, if it is unknown.

        Returns:
            Where it was, and why it can't be accepted; empty where it is.
        """
        ...

    def commit(self) -> None:
        """Make the change durable; the ledger may be dialled from then on."""
        ...


def settle_restored(
    ledger: RestoredLedger,
    *,
    later: Mapping[int, LaterOutcome] | None = None,
    nobody_dialled: bool = False,
    evidence: str = "",
    now: float,
) -> RestoreSummary:
    """Settle a ledger that came back, all at once; it may be dialled then.

    Whoever is not final in it may have been called since the backup, and becomes
    unknown: nobody calls such a contact before somebody reconciled it.

    Args:
        ledger: The ledger.
        later: Number of each contact that the last results name, to what they say. They
            must be of after the last call: a contact that is pending there stays
            pending. Of contacts that they do not name nothing is known.
        nobody_dialled: Whether nothing at all was dialled since the backup. Then no
            contact changes.
        evidence: The source of the results; it is recorded.
        now: The time.
    """
    summary = RestoreSummary()
    ledger.begin()
    if not nobody_dialled:
        known = _known(ledger, later or {}, summary)
        for outcome in known:
            if outcome.state in _FINAL:
                reason = outcome.reason or str(outcome.state)
                summary.final += ledger.finish(outcome.number, reason, now)
        left = [one.number for one in known if one.state in LEFT_OPEN]
        summary.unknown = ledger.doubt_open(left, now)
        for outcome in known:
            if outcome.state is State.ACCEPTED:
                _accept(ledger, outcome, summary, evidence, now)
    ledger.commit()
    return summary


_FINAL: Final = FINAL - {State.ACCEPTED}


def _accept(
    ledger: RestoredLedger,
    outcome: LaterOutcome,
    summary: RestoreSummary,
    evidence: str,
    now: float,
) -> None:
    before, problem = ledger.accept(outcome, evidence, now)
    if problem:
        summary.problems[outcome.number] = problem
    elif before is State.UNKNOWN:
        summary.accepted += 1


def _known(
    ledger: RestoredLedger,
    later: Mapping[int, LaterOutcome],
    summary: RestoreSummary,
) -> list[LaterOutcome]:
    """Return the outcomes of contacts that the ledger has."""
    known = []
    for outcome in later.values():
        if ledger.is_contact(outcome.number, outcome.id):
            known.append(outcome)
        else:
            summary.problems[outcome.number] = "is no contact of this ledger"
    return known
