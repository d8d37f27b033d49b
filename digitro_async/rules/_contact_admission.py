"""PURE: what is done about a contact that comes up: a call now, later, or never."""

import math
from collections.abc import Callable, Iterator

import attrs

from digitro_async._common.validators import positive
from digitro_async.rules._callbacks import (
    Callback,
    CallbackClosed,
    CallbackMoved,
    CallbackRule,
    CallbackWaits,
)
from digitro_async.rules._gate import PlannedCall
from digitro_async.rules._gate_answers import (
    ALLOW,
    Defer,
    GateAnswer,
    GateReason,
    Refuse,
)
from digitro_async.rules._open_spans import time_zone

__all__ = [
    "AskForCall",
    "CallLater",
    "CallNever",
    "CallNow",
    "ContactAnswer",
    "ContactInTurn",
    "ContactMix",
    "admit",
]

AskForCall = Callable[[PlannedCall, float], tuple[GateAnswer, PlannedCall]]
"""Returns what the gates say to a call, with the first moment that all of them allow,
and the call as it is then to be made: it may have another originating number."""

_CALLBACK = "callback"
_GIVEN_UP = Refuse(GateReason.ATTEMPT_CAP, "given up")


@attrs.frozen(kw_only=True)
class ContactInTurn:
    """A contact that comes up.

    Attributes:
        calls: A call for each of its numbers, in the order in which they are tried.
        place: Place of the number that is tried first.
        keeps_number: Whether that number is waited for, as for a recall of the same
            one, and another one is only taken where it must not be called at all.
        given_up: Keys of numbers that are never dialled again for it.
        callback: The callback that it waits for.
    """

    calls: tuple[PlannedCall, ...]
    place: int = 0
    keeps_number: bool = False
    given_up: frozenset[int] = frozenset()
    callback: Callback | None = None


@attrs.frozen
class CallNow:
    """This call is to be made now.

    Attributes:
        call: The call.
        place: Place of its number.
    """

    call: PlannedCall
    place: int


@attrs.frozen
class CallLater:
    """The contact comes up again at a moment.

    Attributes:
        due: That moment, a Unix time.
        reason: Why, as a code.
        rule: Name of the rule that puts it off.
        place: Place of the number that is tried then.
        callback: Its callback from now on; None where it has none.
    """

    due: float
    reason: str
    rule: str
    place: int
    callback: Callback | None = None


@attrs.frozen
class CallNever:
    """The contact is not called any more.

    Attributes:
        reason: Why, as a code.
        rule: Name of the rule that forbids it.
    """

    reason: str
    rule: str


ContactAnswer = CallNow | CallLater | CallNever


@attrs.frozen(kw_only=True)
class ContactMix:
    """How fresh contacts and recalls take turns while both are due.

    Attributes:
        fresh: Fresh contacts in one round.
        recalls: Recalls in one round.
    """

    fresh: int = attrs.field(default=1, validator=positive)
    recalls: int = attrs.field(default=1, validator=positive)

    def recalls_of(self, size: int) -> int:
        """Return how many of some contacts are recalls, where both are due: 1 or more.

        Args:
            size: The number of contacts.
        """
        return max(1, size * self.recalls // (self.fresh + self.recalls))


def admit(
    contact: ContactInTurn, ask: AskForCall, callbacks: CallbackRule, when: float
) -> ContactAnswer:
    """Return what is to be done about a contact whose turn it is.

    Args:
        contact: The contact.
        ask: Asks the gates.
        callbacks: The rule for callbacks.
        when: The moment, a Unix time.
    """
    found = _best(contact, ask, when)
    callback, answer = contact.callback, found.answer
    if callback is not None:
        step = _step_of_callback(callback, found, callbacks, when)
        if step is not None:
            return step
    if isinstance(answer, Refuse):
        return CallNever(str(answer.reason), answer.rule)
    if isinstance(answer, Defer):
        reason = str(answer.reason)
        return CallLater(answer.until, reason, answer.rule, found.place, callback)
    return CallNow(found.call, found.place)


@attrs.frozen
class _Answered:
    """The number that would be dialled, and what the gates say to that."""

    answer: GateAnswer
    call: PlannedCall
    place: int


def _best(contact: ContactInTurn, ask: AskForCall, when: float) -> _Answered:
    """Return the number to dial: the first one allowed, or the earliest."""
    first: _Answered | None = None
    best: _Answered | None = None
    until = math.inf
    for place in _places(contact):
        planned = contact.calls[place]
        if planned.number.key in contact.given_up:
            found = _Answered(_GIVEN_UP, planned, place)
        else:
            found = _Answered(*ask(planned, when), place)
        if found.answer is ALLOW:
            return found
        first = first or found
        if isinstance(found.answer, Defer):
            if found.answer.until < until:
                best, until = found, found.answer.until
            if contact.keeps_number:
                break
    chosen = best or first
    assert chosen is not None  # noqa: S101 - a contact has a number
    return chosen


def _places(contact: ContactInTurn) -> Iterator[int]:
    yield contact.place
    yield from (one for one in range(len(contact.calls)) if one != contact.place)


def _step_of_callback(
    callback: Callback, found: _Answered, rule: CallbackRule, when: float
) -> CallLater | CallNever | None:
    """Return what follows for a callback that is not made now; None where it is."""
    answer, place = found.answer, found.place
    zone = time_zone(found.call.number.area.zones[0])
    step = rule.step(callback, when, answer, zone)
    if isinstance(step, CallbackClosed):
        by = answer.rule if isinstance(answer, Refuse) else _CALLBACK
        return CallNever(step.reason, by)
    reason, by = _CALLBACK, _CALLBACK
    if isinstance(answer, Defer):
        reason, by = str(answer.reason), answer.rule
    if isinstance(step, CallbackWaits):
        return CallLater(step.until, reason, by, place, callback)
    if isinstance(step, CallbackMoved):
        moved = step.callback
        due = when if moved.is_overdue else moved.at - rule.early
        return CallLater(due, reason, by, place, moved)
    return None
