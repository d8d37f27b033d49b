"""PURE: the values that pass through the port of the schedule."""

from collections.abc import Mapping

import attrs

from digitro_async._common.validators import quiet_init
from digitro_async.call_events import Disposition
from digitro_async.errors import Outcome
from digitro_async.ledger._records import (
    ClaimedContact,
    NumberOfContact,
    WaitKind,
)
from digitro_async.ledger._state import State
from digitro_async.privacy import Personal

__all__ = [
    "AgreedCallback",
    "AttemptCounts",
    "AttemptPlan",
    "Deferral",
    "EndedContact",
    "LedgerAttempt",
    "LedgerBlock",
    "PlannedContact",
    "Refusal",
    "WaitCounts",
]


def _key(value: int | Personal) -> Personal:
    """Return the key of a number as Personal: whoever has it has the number."""
    return value if isinstance(value, Personal) else Personal(str(value))


def _maybe_key(value: int | Personal | None) -> Personal | None:
    """Return the key of a number as Personal, and None as it is."""
    return None if value is None else _key(value)


@attrs.frozen(kw_only=True)
class AgreedCallback:
    """A callback that a contact waits for.

    Attributes:
        at: When the call was agreed on, a Unix time.
        place: Place of the number to dial; None for that of the last attempt.
        moved: How often it was moved.
        is_overdue: Whether it is made as soon as the rules allow.
    """

    at: float
    place: int | None = None
    moved: int = 0
    is_overdue: bool = False


@attrs.frozen(kw_only=True)
class PlannedContact:
    """A claimed contact, with what a run that applies rules has to know.

    Attributes:
        claimed: The contact as any run claims it, with the number of its place.
        numbers: All its numbers, in the order in which they are tried.
        place: Place of the number that is tried next, 0 for the first.
        priority: Its priority.
        wait: Why it waited; None for a contact that was never put off.
        due: When it was due, a Unix time.
        callback: The callback that it waits for.
        originating: The originating number of its last plan.
    """

    claimed: ClaimedContact
    numbers: tuple[NumberOfContact, ...] = attrs.field(repr=False)
    place: int = 0
    priority: int = 0
    wait: WaitKind | None = None
    due: float | None = None
    callback: AgreedCallback | None = None
    originating: str | None = attrs.field(default=None, repr=False)


@quiet_init
@attrs.frozen(kw_only=True)
class AttemptPlan:
    """The number by which a claimed contact is about to be called.

    Attributes:
        number: The ledger's number of the contact.
        place: Place of the number that is dialled.
        key: The key of that number, as digits: equal for all forms of one number. An
            ``int`` is wrapped.
        originating: The originating number that is shown; None for the PABX's own.
    """

    number: int
    place: int
    key: Personal = attrs.field(converter=_key)
    originating: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Deferral:
    """A claimed contact that is put off.

    Attributes:
        number: The ledger's number of the contact.
        due: When it comes up again, a Unix time.
        reason: Why, as a code.
        place: Place of the number that is tried then.
        callback: Its callback, as it is from now on; None leaves it as it is.
    """

    number: int
    due: float
    reason: str
    place: int = 0
    callback: AgreedCallback | None = None


@attrs.frozen(kw_only=True)
class Refusal:
    """A claimed contact that is never called.

    Attributes:
        number: The ledger's number of the contact.
        reason: Why, as a code.
    """

    number: int
    reason: str


@quiet_init
@attrs.frozen(kw_only=True)
class LedgerAttempt:
    """An attempt to reach a contact by one number, of this campaign or another one.

    An attempt is a plan and all intents that follow it, up to the next plan.

    Attributes:
        contact: The ledger's number of the contact.
        campaign: Name of the campaign; empty where the ledger is of one alone.
        key: The key of the number that was dialled, as digits; None where nobody has
            noted it. An ``int`` is wrapped.
        place: Place of that number.
        began_at: When its last intent began, a Unix time; None where no intent was
            recorded yet: the contact is claimed, and about to be called.
        state: Where it led to: ``INTENT`` while it is on the wire, ``CLAIMED`` while it
            is about to begin.
        outcome: What the PABX said; None while that is open.
        answered_at: When its call was answered, as far as that is known.
        ended_at: When its call ended, as far as that is known.
        disposition: What became of the call, None while that is not known.
        originating: The originating number that was shown.
    """

    contact: int
    campaign: str = ""
    key: Personal | None = attrs.field(converter=_maybe_key)
    place: int = 0
    began_at: float | None
    state: State
    outcome: Outcome | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    disposition: Disposition | None = None
    originating: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class AttemptCounts:
    """How many attempts of a campaign are over and may have rung, and how they ended.

    Attributes:
        calls: All of them.
        ends: Those whose calls have an end, by what became of the call.
    """

    calls: int
    ends: Mapping[Disposition, int]


@attrs.frozen(kw_only=True)
class EndedContact:
    """An accepted contact whose call has an end, so that a rule may call it again.

    Attributes:
        number: The ledger's number of the contact.
        attempts: Its intents so far: ``Schedule.recall`` demands the same.
        numbers: All its numbers.
        priority: Its priority.
        disposition: What became of its last call.
    """

    number: int
    attempts: int
    numbers: tuple[NumberOfContact, ...] = attrs.field(repr=False)
    priority: int
    disposition: Disposition


@attrs.frozen(kw_only=True)
class LedgerBlock:
    """A number that nobody is to call, as a ledger keeps it.

    Attributes:
        hash: The keyed hash of the number's key.
        reason: Why, in words of whoever blocked it; nothing personal.
        until: When it may be called again, a Unix time; None for never.
        since: When it was blocked, a Unix time.
    """

    hash: bytes = attrs.field(repr=False)
    reason: str
    until: float | None
    since: float


@attrs.frozen(kw_only=True)
class WaitCounts:
    """How many pending contacts wait, and until when.

    Attributes:
        kinds: How many wait for what.
        reasons: How many of the deferred ones wait for which reason.
        next_due: When the first of all of them is due, a Unix time; None for none.
    """

    kinds: Mapping[WaitKind, int]
    reasons: Mapping[str, int]
    next_due: float | None
