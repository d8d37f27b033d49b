"""rehearse: what a run that applies rules would do with each contact, and no call."""

import enum
import math
from collections.abc import AsyncIterator
from typing import Any

import attrs

from digitro_async._common.masking import masked
from digitro_async.campaign._claims import LEASE
from digitro_async.campaign._ruled_admission import RuledAdmission
from digitro_async.campaign._ruled_claims import DueClaims
from digitro_async.campaign._rules_in_force import RulesInForce
from digitro_async.ledger import PlannedContact, WaitKind, new_owner
from digitro_async.rules import CallingRules, CallLater, CallNow, ContactAnswer

__all__ = ["RehearsedContact", "RehearsedStep", "rehearse"]

CONTACTS_AT_ONCE = 500
"""Contacts that are asked about at once."""


class RehearsedStep(enum.StrEnum):
    """What a run would do with a contact now."""

    NOW = "now"
    """It would be called."""
    LATER = "later"
    """It would be put off, or waits already."""
    NEVER = "never"
    """It would be refused for good."""


@attrs.frozen(kw_only=True)
class RehearsedContact:
    """What a run that applies rules would do with one contact.

    Attributes:
        number: The ledger's number of the contact.
        masked: The number that is dialled, with most digits masked.
        place: Place of that number among those of the contact.
        step: What the run would do.
        reason: Why not now, as a code; empty where it is called.
        rule: Name of the rule that says so; empty where it just waits.
        due: When it would come up again, a Unix time.
    """

    number: int
    masked: str
    place: int
    step: RehearsedStep
    reason: str = ""
    rule: str = ""
    due: float | None = None


async def rehearse(
    ledger: Any,
    rules: CallingRules,
    *,
    now: float,
    max_attempts: int | None = None,
) -> AsyncIterator[RehearsedContact]:
    """Yield what a run would do with each contact, in the order in which it would.

    It claims them, so it takes a copy of a ledger that nobody dials.

    Args:
        ledger: The copy; all that is needed of it is its ``schedule``.
        rules: The rules.
        now: The time of the run, a Unix time.
        max_attempts: Attempts after which a contact is left out.

    Raises:
        ConfigurationError: If the ledger keeps no schedule.
        LedgerError: If it can't be read.
    """
    owner = new_owner("rehearsal")
    heeding = RulesInForce(rules, ledger, owner, clock=lambda: now)
    await heeding.load()
    most = 2**31 - 1 if max_attempts is None else max_attempts
    due = DueClaims(heeding, owner, max_attempts=most)
    admission = RuledAdmission(heeding, owner, is_shared=False)
    while contacts := await due.claim(CONTACTS_AT_ONCE):
        for contact, answer in await admission.decide(contacts):
            yield _rehearsed(contact, answer)
    kinds = [*WaitKind]
    while waiting := await heeding.schedule.claim(
        CONTACTS_AT_ONCE, owner, LEASE, now=math.inf, kinds=kinds, max_attempts=most
    ):
        for contact in waiting:
            yield RehearsedContact(
                number=contact.claimed.number,
                masked=masked(contact.claimed.destination.reveal()),
                place=contact.place,
                step=RehearsedStep.LATER,
                reason=str(contact.wait),
                due=contact.due,
            )


def _rehearsed(contact: PlannedContact, answer: ContactAnswer) -> RehearsedContact:
    place = contact.place
    step, reason, rule, due = RehearsedStep.NOW, "", "", None
    if isinstance(answer, CallLater):
        step, due, place = RehearsedStep.LATER, answer.due, answer.place
        reason, rule = answer.reason, answer.rule
    elif isinstance(answer, CallNow):
        place = answer.place
    else:
        step, reason, rule = RehearsedStep.NEVER, answer.reason, answer.rule
    return RehearsedContact(
        number=contact.claimed.number,
        masked=masked(contact.numbers[place].destination.reveal()),
        place=place,
        step=step,
        reason=reason,
        rule=rule,
        due=due,
    )
