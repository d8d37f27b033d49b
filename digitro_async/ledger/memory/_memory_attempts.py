"""The attempts of the contacts of a ledger in memory, each with its number."""

import attrs

from digitro_async.call_events import CallEnd
from digitro_async.errors import Outcome
from digitro_async.ledger._call_ends_port import may_replace
from digitro_async.ledger._schedule_records import AttemptPlan, LedgerAttempt
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_schedule import led_to, outcome_of
from digitro_async.privacy import Personal

__all__ = ["MemoryAttempt"]


@attrs.define(eq=False)
class MemoryAttempt:
    """One attempt to reach a contact.

    Attributes:
        place: Place of the number.
        key: Its key; None where nobody noted it.
        scheme: The scheme by which the key was noted.
        originating: The originating number that was shown.
        is_begun: Whether its intent was recorded.
        closed: How it stood when the next one was planned; None while it is the last.
    """

    place: int
    key: Personal | None = None
    scheme: str = ""
    originating: str | None = None
    is_begun: bool = False
    closed: LedgerAttempt | None = None

    @classmethod
    def of_plan(cls, plan: AttemptPlan, scheme: str) -> "MemoryAttempt":
        """Return the attempt that a plan begins."""
        return cls(plan.place, plan.key, scheme, plan.originating)

    def doubt(self) -> None:
        """Note that it may have rung after all."""
        if self.closed is not None and self.closed.outcome is Outcome.NOT_SENT:
            self.closed = attrs.evolve(
                self.closed, state=State.UNKNOWN, outcome=Outcome.UNKNOWN
            )

    def end_late(self, end: CallEnd) -> None:
        """Note the end of a call after which another one was agreed on meanwhile."""
        closed = self.closed
        if closed is None or closed.outcome is not Outcome.ACCEPTED:
            return
        known = closed.disposition
        if known is None or may_replace(known, end.disposition):
            self.closed = attrs.evolve(
                closed,
                answered_at=end.answered_at,
                ended_at=end.ended_at,
                disposition=end.disposition,
            )

    def shown(
        self,
        contact: int,
        state: State,
        sent_at: float | None,
        end: CallEnd | None,
    ) -> LedgerAttempt:
        """Return it as the schedule shows it.

        Args:
            contact: Number of its contact.
            state: Where its contact is.
            sent_at: When the last intent of its contact began.
            end: The end of its contact's last call.
        """
        if self.closed is not None:
            return attrs.evolve(self.closed, key=self.key)
        outcome: Outcome | None = None
        if self.is_begun:
            outcome = outcome_of(state)
            state = led_to(state)
        else:
            sent_at = end = None
        return LedgerAttempt(
            contact=contact,
            key=self.key,
            place=self.place,
            began_at=sent_at,
            state=state,
            outcome=outcome,
            answered_at=None if end is None else end.answered_at,
            ended_at=None if end is None else end.ended_at,
            disposition=None if end is None else end.disposition,
            originating=self.originating,
        )
