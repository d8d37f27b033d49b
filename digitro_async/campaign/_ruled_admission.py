"""RuledAdmission: takes claimed contacts to their calls, or puts them off, by rules."""

from collections.abc import Sequence

import attrs

from digitro_async.campaign._rules_in_force import RulesInForce
from digitro_async.ledger import (
    AgreedCallback,
    AttemptPlan,
    ClaimedContact,
    ClaimOwner,
    Deferral,
    PlannedContact,
    Refusal,
    WaitKind,
)
from digitro_async.rules import (
    Callback,
    CalledNumber,
    CallLater,
    CallNever,
    CallNow,
    ContactAnswer,
    ContactInTurn,
    Counted,
    PlannedCall,
    admit,
    hours_of_number,
)

__all__ = ["RuledAdmission", "in_turn"]

IN_USE = 30.0
"""Seconds after which a contact comes up again whose number is in use."""

_IN_USE = "number_in_use"
_KEEPING = frozenset({WaitKind.RECALL, WaitKind.CALLBACK})


def in_turn(
    contact: PlannedContact,
    numbers: Sequence[CalledNumber],
    *,
    campaign: str,
    given_up: frozenset[int],
) -> ContactInTurn:
    """Return a claimed contact as rules see it.

    Args:
        contact: The contact.
        numbers: Its numbers as rules see them, in order.
        campaign: Name of the campaign.
        given_up: Keys of numbers that are never dialled again for it.
    """
    number = contact.claimed.number
    calls = tuple(
        PlannedCall(
            contact=number,
            number=called,
            campaign=campaign,
            hours=hours_of_number(one.hours),
        )
        for called, one in zip(numbers, contact.numbers, strict=True)
    )
    agreed, callback = contact.callback, None
    if agreed is not None:
        callback = Callback(
            contact=number,
            at=agreed.at,
            number=calls[contact.place].number.key,
            moved=agreed.moved,
            is_overdue=agreed.is_overdue,
        )
    return ContactInTurn(
        calls=calls,
        place=contact.place,
        keeps_number=contact.wait in _KEEPING,
        given_up=given_up,
        callback=callback,
    )


class RuledAdmission:
    """Asks the gates about claimed contacts, and writes down what comes of it.

    Args:
        heeding: The rules.
        owner: The owner of the claims.
        is_shared: Whether others dial contacts of the ledger at the same time.
    """

    def __init__(
        self, heeding: RulesInForce, owner: ClaimOwner, *, is_shared: bool
    ) -> None:
        rules = heeding.rules
        self._heeding = heeding
        self._owner = owner
        self._is_shared = is_shared
        self._hold_numbers = any(
            counts is Counted.NUMBER
            for counts in (
                *(cap.counts for cap in rules.caps),
                *(spacing.counts for spacing in rules.spacings),
            )
        )

    async def admit(self, contacts: Sequence[PlannedContact]) -> list[ClaimedContact]:
        """Return contacts that are to be called now, with what their calls need.

        The others are put off or refused. What is returned is planned in the ledger,
        and in hand.

        Args:
            contacts: Contacts that the owner has claimed.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        heeding = self._heeding
        # A run that slept for hours has not looked meanwhile.
        await heeding.blocks.look()
        decided = await self.decide(contacts)
        planned = [
            (contact, answer)
            for contact, answer in decided
            if isinstance(answer, CallNow)
        ]
        left_out: frozenset[int] = frozenset()
        if planned:
            plans = [_plan_of(*one) for one in planned]
            left_out = frozenset(
                await heeding.schedule.plan(
                    self._owner, plans, hold_numbers=self._hold_numbers
                )
            )
        await self._write(decided, left_out)
        for number in left_out:
            heeding.in_hand.let_go(number)
        planned = [one for one in planned if one[0].claimed.number not in left_out]
        if self._hold_numbers and self._is_shared and planned:
            # Others may have called these numbers since they were asked about, and
            # nobody does from now on: it is asked once more right before each intent.
            await self._load(self._numbers_of([contact for contact, _ in planned]))
        return [self._claimed(*one) for one in planned]

    async def decide(
        self, contacts: Sequence[PlannedContact]
    ) -> list[tuple[PlannedContact, ContactAnswer]]:
        """Return what is to be done about contacts; those to be called are in hand.

        Args:
            contacts: Contacts that the owner has claimed.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        numbers = self._numbers_of(contacts)
        await self._load(numbers)
        heeding, now = self._heeding, self._heeding.clock()
        hand, recall = heeding.in_hand, heeding.rules.recall
        decided: list[tuple[PlannedContact, ContactAnswer]] = []
        for contact in contacts:
            number = contact.claimed.number
            given_up: frozenset[int] = frozenset()
            if recall is not None:
                given_up = recall.given_up(hand.history.of_contact(number))
            turn = in_turn(
                contact,
                numbers[number],
                campaign=heeding.campaign,
                given_up=given_up,
            )
            answer = admit(turn, hand.ask, heeding.rules.callbacks, now)
            if isinstance(answer, CallNow):
                # The next contact of this page that has its number sees it.
                hand.take(contact, answer.call, answer.place)
            else:
                hand.let_go(number)
            decided.append((contact, answer))
        return decided

    def _numbers_of(
        self, contacts: Sequence[PlannedContact]
    ) -> dict[int, list[CalledNumber]]:
        """Return the numbers of contacts as rules see them."""
        called = self._heeding.rules.called_number
        return {
            one.claimed.number: [called(it.destination.reveal()) for it in one.numbers]
            for one in contacts
        }

    async def _load(self, numbers: dict[int, list[CalledNumber]]) -> None:
        """Load the past attempts of contacts and of their numbers."""
        keys = {
            contact: tuple(dict.fromkeys(one.key for one in called))
            for contact, called in numbers.items()
        }
        of_all = {key for of_contact in keys.values() for key in of_contact}
        attempts = await self._heeding.schedule.attempts_of([*keys], of_all)
        now = self._heeding.clock()
        self._heeding.in_hand.history.load(keys, attempts, now)

    async def _write(
        self,
        decided: Sequence[tuple[PlannedContact, ContactAnswer]],
        left_out: frozenset[int],
    ) -> None:
        """Write down who is put off, and who is refused."""
        heeding, now = self._heeding, self._heeding.clock()
        deferrals: list[Deferral] = []
        refusals: list[Refusal] = []
        for contact, answer in decided:
            number = contact.claimed.number
            if isinstance(answer, CallLater):
                deferrals.append(self._deferral_of(number, answer))
            elif isinstance(answer, CallNever):
                refusals.append(Refusal(number=number, reason=answer.reason))
            elif number in left_out:
                due, place = now + IN_USE, contact.place
                deferrals.append(
                    Deferral(number=number, due=due, reason=_IN_USE, place=place)
                )
        if deferrals:
            await heeding.schedule.put_off(self._owner, deferrals, now=now)
        if refusals:
            await heeding.schedule.refuse(self._owner, refusals, now=now)
        heeding.count(deferrals, refusals)

    def _deferral_of(self, number: int, answer: CallLater) -> Deferral:
        due, callback, agreed = answer.due, answer.callback, None
        if callback is not None:
            # Callbacks are claimed that much before they are due.
            due += self._heeding.rules.callbacks.early
            agreed = AgreedCallback(
                at=callback.at,
                place=answer.place,
                moved=callback.moved,
                is_overdue=callback.is_overdue,
            )
        return Deferral(
            number=number,
            due=due,
            reason=answer.reason,
            place=answer.place,
            callback=agreed,
        )

    def _claimed(self, contact: PlannedContact, answer: CallNow) -> ClaimedContact:
        shown = self._heeding.in_hand.fields_of(answer.call)
        return attrs.evolve(
            contact.claimed,
            destination=contact.numbers[answer.place].destination,
            fields={**contact.claimed.fields, **shown},
        )


def _plan_of(contact: PlannedContact, answer: CallNow) -> AttemptPlan:
    return AttemptPlan(
        number=contact.claimed.number,
        place=answer.place,
        key=answer.call.number.key,
        originating=answer.call.originating,
    )
