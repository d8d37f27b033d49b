"""The contacts of a ``MemoryLedger``."""

from collections.abc import Mapping, Sequence

import attrs

from digitro_async._common.reasons import PABX_REASONS
from digitro_async.call_events import CallEnd
from digitro_async.errors import IllegalTransitionError
from digitro_async.ledger._call_ends_port import may_replace
from digitro_async.ledger._differences import (
    difference_of,
    differing_fields,
    fills_numbers,
    step_of,
)
from digitro_async.ledger._records import (
    ClaimedContact,
    ContactRecord,
    Difference,
    NewContact,
    WaitKind,
)
from digitro_async.ledger._schedule_records import AgreedCallback
from digitro_async.ledger._state import (
    DOUBTFUL,
    OTHER_DATA,
    TRANSITIONS,
    State,
    Step,
    claim_lost,
    next_state,
)
from digitro_async.ledger.memory._memory_attempts import MemoryAttempt
from digitro_async.privacy import Personal

__all__ = ["MemoryRow", "pending_to"]

_ENDED_STATES = frozenset({State.ACCEPTED, State.UNKNOWN})
"""States of contacts whose calls get an end."""


@attrs.define(eq=False)
class MemoryRow:
    """One contact, with all that a ``ContactRecord`` shows and the id of its owner.

    Its failures are the attempts that count against it: the PABX and the way to it are
    not its fault.
    """

    number: int
    contact: NewContact
    state: State = State.PENDING
    attempts: int = 0
    failures: int = 0
    pabx: str | None = None
    call_id: str | None = None
    reason: str | None = None
    sent_at: float | None = None
    settled_at: float | None = None
    owner: str = ""
    evidence: str | None = None
    end: CallEnd | None = None
    due: float | None = None
    wait: WaitKind | None = None
    place: int = 0
    callback: AgreedCallback | None = None
    tried: list[MemoryAttempt] = attrs.field(factory=list)

    def as_open(self) -> ClaimedContact:
        """Return it as a runner sees it."""
        return ClaimedContact(
            number=self.number,
            attempts=self.attempts,
            destination=self.destination,
            pabx=self.contact.pabx,
            fields=dict(self.contact.fields),
        )

    def as_entry(self) -> ContactRecord:
        """Return it as a ledger shows it."""
        return ContactRecord(
            number=self.number,
            id=self.contact.id,
            line=self.contact.line,
            state=self.state,
            call_id=self.call_id,
            pabx=self.pabx,
            attempts=self.attempts,
            reason=self.reason,
            sent_at=self.sent_at,
            settled_at=self.settled_at,
            evidence=self.evidence,
            end=self.end if self.gets_end else None,
            due=self.due,
            wait=self.wait,
            priority=self.contact.priority,
        )

    @property
    def destination(self) -> Personal:
        """The number that is dialled next, which is that of its place."""
        numbers = self.contact.numbers
        if self.place < len(numbers):
            return numbers[self.place].destination
        return self.contact.destination

    def is_due(self, now: float) -> bool:
        """Whether it waits for nothing at a moment."""
        return self.due is None or self.due <= now

    def drop_plan(self) -> None:
        """Forget a plan whose intent did not follow, and close what was begun."""
        if self.tried and not self.tried[-1].is_begun:
            self.tried.pop()
        self.close_attempt()

    def is_named(self, ids: Sequence[str], number: int | None) -> bool:
        """Whether one of these ids, or that number, is its own."""
        mine = self.contact.id
        return self.number == number or (mine is not None and mine.reveal() in ids)

    def may_try(self, most: int | None) -> bool:
        """Whether it may be called again, where that many may count against it."""
        return most is None or self.failures < most

    def is_claimed_by(self, owner: str) -> bool:
        """Whether that owner has a claim on it."""
        return self.state is State.CLAIMED and self.owner == owner

    def compare(self, contact: NewContact, *, update: bool) -> Difference | None:
        """Return what a list says of it otherwise, and take or withhold it.

        Args:
            contact: The contact, as the list has it.
            update: Whether what the list says is taken over.
        """
        known = self.contact
        fields = differing_fields(
            contact,
            known.destination.reveal(),
            known.pabx,
            known.fields,
            known.numbers,
        )
        difference = difference_of(self.state, fields, update=update)
        step = step_of(self.state, difference)
        self.contact = attrs.evolve(known, priority=contact.priority)
        if fills_numbers(self.state, difference, contact, known.numbers):
            self.contact = attrs.evolve(self.contact, numbers=contact.numbers)
        if step is None:
            return difference
        self.step(step)
        self.reason = OTHER_DATA if step is Step.WITHHOLD else None
        if step is Step.UPDATE:
            self.contact, self.failures = contact, 0
        return difference

    def step(self, step: Step) -> None:
        """Take a step.

        Raises:
            IllegalTransitionError: If it is not legal.
        """
        self.state = next_state(self.state, step)

    def claim(self, owner: str) -> None:
        """Note that an owner claims it, perhaps after another whose lease is over."""
        if self.state is State.CLAIMED:
            self.step(Step.RECOVER)
        self.drop_plan()
        self.step(Step.CLAIM)
        self.owner = owner

    def invalidate(self, owner: str, reason: str, at: float) -> None:
        """Note that it can't be called.

        Raises:
            IllegalTransitionError: If the owner has no claim on it.
        """
        if not self.is_claimed_by(owner):
            raise IllegalTransitionError(
                "the contact is not claimed by this owner", reason="not_claimed"
            )
        self.step(Step.INVALIDATE)
        self.reason, self.settled_at = reason, at

    def withdraw(self, reason: str, at: float) -> State:
        """Note that nobody calls it any more, where that is still to be prevented."""
        if (self.state, Step.SKIP) in TRANSITIONS:
            self.step(Step.SKIP)
            self.reason, self.settled_at = reason, at
        return self.state

    def intend(self, owner: str, pabx: str, at: float) -> None:
        """Note that it is about to be called.

        Raises:
            ClaimLostError: If the owner has no claim on it.
        """
        if not self.is_claimed_by(owner):
            raise claim_lost(self.state)
        self.step(Step.INTEND)
        self.attempts += 1
        self.pabx, self.sent_at, self.settled_at = pabx, at, None
        self.call_id = self.reason = self.end = None
        self.begin_attempt()

    def record_end(self, end: CallEnd) -> None:
        """Note what became of its last call; only ``none_seen`` gives way to more."""
        if self.pabx != end.pabx or self.call_id != end.call_id:
            return
        if not self.gets_end:  # a callback was agreed on while the call went on
            if self.tried:
                self.tried[-1].end_late(end)
        elif self.end is None or may_replace(self.end.disposition, end.disposition):
            self.end = end

    def begin_attempt(self) -> None:
        """Note that the call by the last plan begins, or another one without a plan."""
        last = self.tried[-1] if self.tried else None
        if last is None or last.closed is not None:
            last = MemoryAttempt(self.place)
            self.tried.append(last)
        last.is_begun, self.callback = True, None

    def close_attempt(self) -> None:
        """Keep the last attempt as it stands: another one will follow."""
        if self.tried and self.tried[-1].closed is None:
            last = self.tried[-1]
            last.closed = last.shown(self.number, self.state, self.sent_at, self.end)

    @property
    def is_doubtable(self) -> bool:
        """Whether where it is rests on an answer of its PABX."""
        if self.sent_at is None or self.reason == "reconciled":
            return False
        return (self.state, Step.DOUBT) in TRANSITIONS

    def doubt(self, at: float) -> None:
        """Note that its last answer may belong to another call."""
        self.step(Step.DOUBT)
        self.call_id, self.reason, self.settled_at = None, DOUBTFUL, at
        self.end = None
        begun = [one for one in self.tried if one.is_begun]
        if begun:
            begun[-1].doubt()

    @property
    def gets_end(self) -> bool:
        """Whether its last call was accepted or may have been placed."""
        return self.state in _ENDED_STATES

    def check_intent(self, owner: str) -> None:
        """Demand that the owner has an open intent of it.

        Raises:
            IllegalTransitionError: If it has none.
        """
        if self.state is not State.INTENT or self.owner != owner:
            raise IllegalTransitionError(
                "the contact has no open intent of this owner", reason="no_intent"
            )

    def settle(
        self, step: Step, at: float, call_id: str | None, reason: str | None
    ) -> None:
        """Note the outcome of the contact's call."""
        self.step(step)
        if step is Step.NOT_PLACED and (reason or "") not in PABX_REASONS:
            self.failures += 1
        self.call_id = call_id if step is Step.ACCEPT else None
        self.reason, self.settled_at = reason, at


def pending_to(rows: Mapping[int, MemoryRow], last: int | None) -> list[int]:
    """Return the numbers of the pending contacts up to one of them, None for all."""
    some = list(rows.values())[:last]
    return [row.number for row in some if row.state is State.PENDING]
