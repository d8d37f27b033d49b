"""ContactsInHand: the contacts that a run is about to call, or is calling, by rules."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import attrs

from digitro_async.call_events import CallEnd
from digitro_async.campaign._heeded_counts import HeededCounts
from digitro_async.campaign._heeded_history import HeededHistory
from digitro_async.errors import Outcome
from digitro_async.ledger import PlannedContact
from digitro_async.rules import (
    ALLOW,
    Defer,
    GateAnswer,
    GateReason,
    Gates,
    OriginatingPool,
    PastAttempt,
    PlannedCall,
)

__all__ = ["PENDING_AGAIN", "ContactsInHand", "InHand"]

PENDING_AGAIN = frozenset({Outcome.NOT_SENT, Outcome.REFUSED})
"""Outcomes after which a contact may be called again."""

GETS_END = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})
"""Outcomes of calls that may have rung."""


@attrs.define(eq=False)
class InHand:
    """A contact that is about to be called, or on the wire.

    Attributes:
        contact: The contact.
        call: Its call, as the gates let it through.
        place: Place of the number that is dialled.
    """

    contact: PlannedContact
    call: PlannedCall
    place: int


class ContactsInHand:
    """Contacts that are about to be called, or on the wire, and what gates say to them.

    Args:
        gates: The gates, over the history.
        history: The past attempts.
        counts: The counts.
        pool: The pool of originating numbers.
        clock: Tells the Unix time.

    Attributes:
        callbacks: Callbacks that were made.
        changed: Set when a contact has left, or its call has ended.
        busy: Set while there are some.
    """

    def __init__(
        self,
        gates: Gates,
        history: HeededHistory,
        counts: HeededCounts,
        pool: OriginatingPool | None,
        clock: Callable[[], float],
    ) -> None:
        self._gates = gates
        self._pool = pool
        self._clock = clock
        self._contacts: dict[int, InHand] = {}
        # Results of calls that are over, and not taken yet: their contacts may be in
        # hand for another call by then.
        self._over: Counter[int] = Counter()
        self._called: dict[int, int] = {}  # keys of numbers whose calls have no end yet
        self.history = history
        self.counts = counts
        self.callbacks: int = 0
        self.changed: asyncio.Event = asyncio.Event()
        self.busy: asyncio.Event = asyncio.Event()

    def __len__(self) -> int:
        return len(self._contacts)

    def get(self, number: int) -> InHand | None:
        """Return a contact, None where it is not in hand."""
        return self._contacts.get(number)

    def ask(self, call: PlannedCall, when: float) -> tuple[GateAnswer, PlannedCall]:
        """Return what the gates say to a call, and the call with what it is to show."""
        if self._pool is None:
            return self._gates.next_moment(call, when), call
        chosen = self._pool.choose(call, self.history, self.counts.counter, when)
        if isinstance(chosen, Defer):
            later = self._gates.next_moment(call, chosen.until)
            return (chosen if later is ALLOW else later), call
        call = attrs.evolve(call, originating=chosen)
        return self._gates.next_moment(call, when), call

    def fields_of(self, call: PlannedCall) -> Mapping[str, str]:
        """Return the fields of a call that show its originating number."""
        if self._pool is None or call.originating is None:
            return {}
        return {self._pool.field: call.originating}

    def take(self, contact: PlannedContact, call: PlannedCall, place: int) -> None:
        """Take a contact whose call is planned: its number is in use from now on."""
        number = contact.claimed.number
        self._contacts[number] = InHand(contact, call, place)
        self._note_begin(number, call, self._clock())
        self.busy.set()

    def let_go(self, number: int) -> None:
        """Let a contact go whose call is not made, or is over."""
        if self._contacts.pop(number, None) is not None:
            self.changed.set()
        self.history.forget(number)
        if not self._contacts:
            self.busy.clear()

    def end_call(self, number: int, in_hand: InHand) -> None:
        """Let a contact go whose call is over, while its result is still to come."""
        self._over[number] += 1
        if self._contacts.get(number) is in_hand:  # else it is called anew
            self.let_go(number)

    def get_of_result(self, number: int) -> InHand | None:
        """Return the contact that a result is of; None where its call is over.

        Args:
            number: The contact of a result. Each is asked about once, in order.
        """
        over = self._over.pop(number, 0)
        if not over:
            return self._contacts.get(number)
        if over > 1:
            self._over[number] = over - 1
        return None

    def check(self, number: int) -> GateAnswer:
        """Return what the gates say to a planned call, right before it is made."""
        in_hand, now = self._contacts.get(number), self._clock()
        if in_hand is None:
            return Defer(now, GateReason.NOT_BEFORE, "contacts in hand")
        call = in_hand.call
        without = self.history.without(number, call.number.key)
        with without, self.counts.without(number):
            answer, chosen = self.ask(call, now)
        if answer is ALLOW and chosen.originating != call.originating:
            return Defer(now, GateReason.NUMBER_CAP, "originating numbers")
        return answer

    def begin(self, number: int, at: float) -> None:
        """Note that the call of a contact begins: its intent is recorded."""
        in_hand = self._contacts.get(number)
        if in_hand is not None:
            self.counts.begin(number, in_hand.call.originating, at)
            self._note_begin(number, in_hand.call, at)
            self.callbacks += int(in_hand.contact.callback is not None)

    def take_back(self, number: int) -> None:
        """Note that a call does not begin after all: its intent was not recorded."""
        self.counts.settle(number, may_have_rung=False, gets_end=False)

    def settle(self, number: int, outcome: Outcome, *, is_heard: bool) -> None:
        """Note the outcome of an attempt; another one may follow.

        Args:
            number: The contact.
            outcome: The outcome.
            is_heard: Whether the end of its call is told.
        """
        rang = outcome in GETS_END
        self.counts.settle(number, may_have_rung=rang, gets_end=is_heard)
        in_hand = self._contacts.get(number)
        if in_hand is None:
            return
        key = in_hand.call.number.key
        self.history.settle(number, key, outcome)
        if rang and is_heard:
            self._called[number] = key
        if outcome not in PENDING_AGAIN:
            self.end_call(number, in_hand)

    def end(self, number: int, end: CallEnd) -> None:
        """Note what became of a call."""
        self.counts.end(number, end)
        self.history.end(number, self._called.pop(number, None), end)
        self.changed.set()

    def _note_begin(self, number: int, call: PlannedCall, at: float) -> None:
        self.history.begin(
            PastAttempt(
                contact=number,
                number=call.number.key,
                began_at=at,
                campaign=call.campaign,
                originating=call.originating,
            )
        )
