"""The contacts of a ``MemoryLedger``."""

import attrs

from digitro_async.errors import ClaimLostError, IllegalTransitionError
from digitro_async.ledger._records import ClaimedContact, ContactRecord, NewContact
from digitro_async.ledger._state import DOUBTFUL, TRANSITIONS, State, Step, next_state
from digitro_async.protocol import PABX_REASONS

__all__ = ["Row"]


@attrs.define(eq=False)
class Row:
    """One contact; what it holds is what a ``ContactRecord`` shows."""

    number: int
    contact: NewContact
    state: State = State.PENDING
    attempts: int = 0
    pabx: str | None = None
    call_id: str | None = None
    reason: str | None = None
    sent_at: float | None = None
    settled_at: float | None = None

    def as_open(self) -> ClaimedContact:
        """Return it as a runner sees it."""
        return ClaimedContact(
            number=self.number,
            attempts=self.attempts,
            destination=self.contact.destination,
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
        )

    def may_try(self, most: int) -> bool:
        """Whether it may be called again after so many attempts, or more."""
        return self.attempts < most or self.reason in PABX_REASONS

    def step(self, step: Step) -> None:
        """Take a step.

        Raises:
            IllegalTransitionError: If it is not legal.
        """
        self.state = next_state(self.state, step)

    def invalidate(self, reason: str, at: float) -> None:
        """Note that it can't be called.

        Raises:
            IllegalTransitionError: If it is not claimed.
        """
        if self.state is not State.CLAIMED:
            raise IllegalTransitionError(
                "the contact is not claimed", reason="not_claimed"
            )
        self.step(Step.INVALIDATE)
        self.reason, self.settled_at = reason, at

    def intend(self, pabx: str, at: float) -> None:
        """Note that it is about to be called.

        Raises:
            ClaimLostError: If it is not claimed.
        """
        if self.state is not State.CLAIMED:
            raise ClaimLostError("the contact is not claimed", reason="claim_lost")
        self.step(Step.INTEND)
        self.attempts += 1
        self.pabx, self.sent_at, self.settled_at = pabx, at, None
        self.call_id = self.reason = None

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

    def settle(
        self, step: Step, at: float, call_id: str | None, reason: str | None
    ) -> None:
        """Note what its call came to.

        Raises:
            IllegalTransitionError: If it has no open intent.
        """
        if self.state is not State.INTENT:
            raise IllegalTransitionError(
                "the contact has no open intent", reason="no_intent"
            )
        self.step(step)
        self.call_id = call_id if step is Step.ACCEPT else None
        self.reason, self.settled_at = reason, at
