"""PURE: which contact is dialled next: callbacks, then fresh ones and recalls in turn.

It stands over a history in memory. A ledger that keeps what ``QueuedContact`` holds can
do the same, and this says what it has to do.
"""

import enum
import heapq
import itertools
from collections.abc import Hashable, Sequence
from typing import Final

import attrs

from digitro_async._common.validators import positive
from digitro_async.rules._attempt_history import AttemptHistory
from digitro_async.rules._callbacks import (
    Callback,
    CallbackClosed,
    CallbackMoved,
    CallbackRule,
    CallbackWaits,
)
from digitro_async.rules._called_number import CalledNumber
from digitro_async.rules._gate import Gates, PlannedCall
from digitro_async.rules._gate_answers import Defer, Refuse
from digitro_async.rules._open_spans import time_zone
from digitro_async.rules._recall_rules import (
    NoRecall,
    NoRecallReason,
    Recall,
    RecallAnswer,
    RecallRules,
)

__all__ = [
    "CallingQueue",
    "ContactClosed",
    "ContactKind",
    "ContactMix",
    "DialNow",
    "NothingUntil",
    "QueueStep",
    "QueuedContact",
]

_FIRST_ZONE: Final = 0


class ContactKind(enum.StrEnum):
    """Why a contact waits in the queue."""

    FRESH = "fresh"
    RECALL = "recall"
    CALLBACK = "callback"


@attrs.frozen(kw_only=True)
class ContactMix:
    """How fresh contacts and recalls take turns while both are due.

    Attributes:
        fresh: Fresh contacts in one round.
        recalls: Recalls in one round.
    """

    fresh: int = attrs.field(default=1, validator=positive)
    recalls: int = attrs.field(default=1, validator=positive)


@attrs.frozen(kw_only=True)
class QueuedContact:
    """A contact that waits for a call. A ledger keeps this of each.

    Attributes:
        contact: What it is known by.
        numbers: Its numbers, in the order in which they are tried.
        number: The one that is tried next.
        priority: The higher, the earlier, among contacts of one kind that are due.
        kind: Why it waits.
        due: When it is to be dialled, at the earliest, a Unix time.
        callback: The callback that it waits for, None without one.
    """

    contact: Hashable = attrs.field(repr=False)
    numbers: tuple[CalledNumber, ...]
    number: CalledNumber
    priority: int = 0
    kind: ContactKind = ContactKind.FRESH
    due: float = 0.0
    callback: Callback | None = None


@attrs.frozen
class DialNow:
    """This call is to be made now; its contact is out of the queue.

    Attributes:
        call: The call.
    """

    call: PlannedCall


@attrs.frozen
class ContactClosed:
    """This contact is not called any more, and out of the queue.

    Attributes:
        contact: What it is known by.
        reason: Why, as a code.
    """

    contact: Hashable = attrs.field(repr=False)
    reason: str


@attrs.frozen
class NothingUntil:
    """Nobody is to be dialled now.

    Attributes:
        until: When to ask again; None where nobody waits.
    """

    until: float | None


QueueStep = DialNow | ContactClosed | NothingUntil


class CallingQueue:
    """Holds the contacts of a campaign that wait, and says who is dialled next.

    Args:
        gates: The gates. They are asked here, at admission; whoever makes the call asks
            them again right before its intent.
        history: The past attempts.
        recall: Rules for recalls; None for none.
        callbacks: The rule for callbacks.
        mix: How fresh contacts and recalls take turns.
        campaign: Name of the campaign.
    """

    def __init__(
        self,
        gates: Gates,
        history: AttemptHistory,
        *,
        recall: RecallRules | None = None,
        callbacks: CallbackRule | None = None,
        mix: ContactMix | None = None,
        campaign: str = "",
    ) -> None:
        self._gates = gates
        self._history = history
        self._recall = recall
        self._callbacks = callbacks or CallbackRule()
        self._mix = mix or ContactMix()
        self._campaign = campaign
        self._contacts: dict[Hashable, QueuedContact] = {}
        self._waiting: list[tuple[float, int, QueuedContact]] = []
        self._ready: dict[ContactKind, list[tuple[int, float, int, QueuedContact]]]
        self._ready = {kind: [] for kind in ContactKind}
        self._order = itertools.count()
        self._credit = 0

    def __len__(self) -> int:
        """Return how many contacts wait."""
        return len(self._contacts)

    def contacts(self) -> Sequence[QueuedContact]:
        """Return every contact that waits, for whoever writes them down."""
        return tuple(self._contacts.values())

    def put(self, contact: QueuedContact) -> None:
        """Put a contact in, or change what is known of one that waits."""
        self._contacts[contact.contact] = contact
        heapq.heappush(self._waiting, (contact.due, next(self._order), contact))

    def remove(self, contact: Hashable) -> bool:
        """Take a contact out at once; False where it does not wait."""
        return self._contacts.pop(contact, None) is not None

    def call_back(self, callback: Callback, numbers: Sequence[CalledNumber]) -> None:
        """Put a callback in; it takes the place of whatever the contact waited for.

        Args:
            callback: The callback.
            numbers: The numbers of the contact, in the order in which they are tried.
        """
        wanted = callback.number
        if wanted is None:
            attempts = self._history.of_contact(callback.contact)
            wanted = attempts[-1].number if attempts else numbers[0].key
        number = next((one for one in numbers if one.key == wanted), numbers[0])
        self.put(
            QueuedContact(
                contact=callback.contact,
                numbers=tuple(numbers),
                number=number,
                kind=ContactKind.CALLBACK,
                due=callback.at - self._callbacks.early,
                callback=callback,
            )
        )

    def end(
        self, contact: Hashable, numbers: Sequence[CalledNumber], *, priority: int = 0
    ) -> RecallAnswer:
        """Say whether a contact is tried again, now that its last attempt has ended.

        A contact that waits already, such as for a callback, stays as it is.

        Args:
            contact: What it is known by; the history knows its attempts.
            numbers: Its numbers, in the order in which they are tried.
            priority: Its priority.
        """
        if self._recall is None:
            return NoRecall(NoRecallReason.FINAL)
        attempts = self._history.of_contact(contact)
        answer = self._recall.after(attempts, [number.key for number in numbers])
        if isinstance(answer, Recall) and contact not in self._contacts:
            self.put(
                QueuedContact(
                    contact=contact,
                    numbers=tuple(numbers),
                    number=next(one for one in numbers if one.key == answer.number),
                    priority=priority,
                    kind=ContactKind.RECALL,
                    due=answer.due,
                )
            )
        return answer

    def next(self, when: float) -> QueueStep:
        """Return what is to be done next; it is done by whoever asks.

        Args:
            when: The moment, a Unix time.
        """
        while (found := self._take(when)) is not None:
            step = self._admit(found, when)
            if step is not None:
                del self._contacts[found.contact]
                return step
        self._drop_old()
        return NothingUntil(self._waiting[0][0] if self._waiting else None)

    def _admit(self, found: QueuedContact, when: float) -> QueueStep | None:
        """Return what follows for a contact that is due; None where it waits again."""
        call = self._call(found)
        answer = self._gates.next_moment(call, when)
        if isinstance(answer, Refuse):
            others = (one for one in found.numbers if one != found.number)
            for number in others:
                other = attrs.evolve(call, number=number)
                said = self._gates.next_moment(other, when)
                if not isinstance(said, Refuse):
                    call, answer = other, said
                    found = attrs.evolve(found, number=number)
                    break
        if found.callback is not None:
            zone = time_zone(found.number.area.zones[_FIRST_ZONE])
            step = self._callbacks.step(found.callback, when, answer, zone)
            if isinstance(step, CallbackClosed):
                return ContactClosed(found.contact, step.reason)
            if isinstance(step, CallbackWaits):
                self.put(attrs.evolve(found, due=step.until))
                return None
            if isinstance(step, CallbackMoved):
                due = when if step.callback.is_overdue else step.callback.at
                early = 0.0 if step.callback.is_overdue else self._callbacks.early
                self.put(attrs.evolve(found, callback=step.callback, due=due - early))
                return None
        if isinstance(answer, Refuse):
            return ContactClosed(found.contact, answer.reason)
        if isinstance(answer, Defer):
            self.put(attrs.evolve(found, due=answer.until))
            return None
        return DialNow(call)

    def _call(self, found: QueuedContact) -> PlannedCall:
        return PlannedCall(
            contact=found.contact, number=found.number, campaign=self._campaign
        )

    def _take(self, when: float) -> QueuedContact | None:
        """Return the contact whose turn it is; it stays known until it is admitted."""
        while self._waiting and self._waiting[0][0] <= when:
            due, order, contact = heapq.heappop(self._waiting)
            if self._contacts.get(contact.contact) is contact:
                entry = (-contact.priority, due, order, contact)
                heapq.heappush(self._ready[contact.kind], entry)
        for kind in self._turn():
            ready = self._ready[kind]
            while ready:
                contact = heapq.heappop(ready)[-1]
                if self._contacts.get(contact.contact) is contact:
                    return contact
        return None

    def _turn(self) -> tuple[ContactKind, ...]:
        """Return the kinds in the order in which they are asked for a contact now."""
        both = self._ready[ContactKind.FRESH] and self._ready[ContactKind.RECALL]
        order = (ContactKind.FRESH, ContactKind.RECALL)
        if both and not self._ready[ContactKind.CALLBACK]:
            turn = self._credit % (self._mix.fresh + self._mix.recalls)
            self._credit += 1
            if turn >= self._mix.fresh:
                order = (ContactKind.RECALL, ContactKind.FRESH)
        return (ContactKind.CALLBACK, *order)

    def _drop_old(self) -> None:
        """Forget entries at the front whose contact has another one, or is gone."""
        while self._waiting:
            contact = self._waiting[0][-1]
            if self._contacts.get(contact.contact) is contact:
                return
            heapq.heappop(self._waiting)
