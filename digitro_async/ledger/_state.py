"""PURE: the states of a contact and every legal transition, as one table.

Rule: whatever changes a contact's state asks this file. The two that matter most:

* ``intent`` is durable before the first byte of a call leaves. An intent that is found
  open when nobody owns it any more becomes ``unknown``, never ``pending``: the phone
  may have rung.
* ``unknown`` is left only by ``reconcile``, with evidence.

A list may say something else of a contact that it knows: another number, other fields.
Nobody may be called by what is no longer true, so a pending contact is ``withheld``
until somebody says which is right.

A ledger that was restored from a backup does not know who was called since: whoever may
have been becomes unknown, too.

A contact whose call was taken and has ended may be called again by a rule, or as was
agreed on with it: that is another attempt. Nobody is recalled whose outcome is unknown.

What rests on an answer (accepted, rejected, pending after a refusal) becomes unknown
where the answer turns out to have come out of step: it may be another call's.
"""

import enum
from typing import Final

from digitro_async.errors import ClaimLostError, IllegalTransitionError, Outcome

__all__ = [
    "CLAIM_LOST",
    "DOUBTFUL",
    "FINAL",
    "OTHER_DATA",
    "RESTORED",
    "TRANSITIONS",
    "WITHDRAWN",
    "State",
    "Step",
    "claim_lost",
    "diagram",
    "next_state",
    "step_for",
]


class State(enum.StrEnum):
    """The state of a contact."""

    PENDING = "pending"
    """It may be called."""
    WITHHELD = "withheld"
    """A list says something else of it than the ledger; until that is decided nobody
    calls it."""
    CLAIMED = "claimed"
    """A runner has taken it; nothing was promised to the PABX yet."""
    INTENT = "intent"
    """A call may be on the wire."""
    ACCEPTED = "accepted"
    """The PABX took the call and gave a call id."""
    REJECTED = "rejected"
    """The PABX refused this call for good."""
    UNKNOWN = "unknown"
    """It may have been called: no usable answer says."""
    INVALID = "invalid"
    """It can't be called as it is."""
    SKIPPED = "skipped"
    """Nobody calls it: it was withdrawn, or a rule forbade its call."""


class Step(enum.StrEnum):
    """A step that changes a contact's state; the kinds of the ledger's events."""

    CLAIM = "claim"
    RELEASE = "release"
    INTEND = "intend"
    ACCEPT = "accept"
    REJECT = "reject"
    MARK_UNKNOWN = "lose"
    """The call's outcome is unknown."""
    NOT_PLACED = "return"
    """Provably not placed: not sent, or refused for a reason that is not its fault."""
    INVALIDATE = "invalidate"
    SKIP = "skip"
    """It is withdrawn, or a rule forbids its call for good."""
    RECOVER = "recover"
    """Its owner is gone."""
    RECONCILE_ACCEPTED = "reconcile_accepted"
    RECONCILE_NOT_PLACED = "reconcile_not_placed"
    DOUBT = "doubt"
    """The answer that its outcome rests on may belong to another call."""
    WITHHOLD = "withhold"
    """A list says something else of it than the ledger."""
    UPDATE = "update"
    """It has what a list says of it now."""
    CONFIRM = "confirm"
    """A list says of it what the ledger does."""
    RESTORE = "restore"
    """The ledger is an older copy: it may have been called since."""
    DEFER = "defer"
    """A rule puts its call off."""
    RECALL = "recall"
    """Its call has ended, and a rule calls it again."""
    CALL_BACK = "call_back"
    """A call was agreed on."""


TRANSITIONS: Final = {
    (State.PENDING, Step.CLAIM): State.CLAIMED,
    (State.PENDING, Step.INVALIDATE): State.INVALID,
    (State.PENDING, Step.SKIP): State.SKIPPED,
    (State.PENDING, Step.WITHHOLD): State.WITHHELD,
    (State.PENDING, Step.UPDATE): State.PENDING,
    (State.WITHHELD, Step.UPDATE): State.PENDING,
    (State.WITHHELD, Step.CONFIRM): State.PENDING,
    (State.WITHHELD, Step.SKIP): State.SKIPPED,
    (State.CLAIMED, Step.RELEASE): State.PENDING,
    (State.CLAIMED, Step.RECOVER): State.PENDING,
    (State.CLAIMED, Step.INVALIDATE): State.INVALID,
    (State.CLAIMED, Step.SKIP): State.SKIPPED,
    (State.CLAIMED, Step.INTEND): State.INTENT,
    (State.INTENT, Step.ACCEPT): State.ACCEPTED,
    (State.INTENT, Step.REJECT): State.REJECTED,
    (State.INTENT, Step.MARK_UNKNOWN): State.UNKNOWN,
    (State.INTENT, Step.RECOVER): State.UNKNOWN,
    (State.INTENT, Step.NOT_PLACED): State.CLAIMED,
    (State.UNKNOWN, Step.RECONCILE_ACCEPTED): State.ACCEPTED,
    (State.UNKNOWN, Step.RECONCILE_NOT_PLACED): State.PENDING,
    (State.ACCEPTED, Step.DOUBT): State.UNKNOWN,
    (State.REJECTED, Step.DOUBT): State.UNKNOWN,
    (State.PENDING, Step.DOUBT): State.UNKNOWN,
    (State.CLAIMED, Step.DOUBT): State.UNKNOWN,
    (State.WITHHELD, Step.DOUBT): State.UNKNOWN,
    (State.PENDING, Step.RESTORE): State.UNKNOWN,
    (State.CLAIMED, Step.RESTORE): State.UNKNOWN,
    (State.WITHHELD, Step.RESTORE): State.UNKNOWN,
    (State.CLAIMED, Step.DEFER): State.PENDING,
    (State.ACCEPTED, Step.RECALL): State.PENDING,
    (State.ACCEPTED, Step.CALL_BACK): State.PENDING,
    (State.PENDING, Step.CALL_BACK): State.PENDING,
}
"""Every legal step; any other one raises."""

FINAL: Final = frozenset({State.ACCEPTED, State.REJECTED, State.INVALID, State.SKIPPED})
"""States that nothing leads out of but a doubt about an answer and, from the accepted
one, another call to the same contact: after its call has ended, by a rule or as it was
agreed on."""

DOUBTFUL: Final = "doubtful_answer"
"""Reason of a contact whose last answer may belong to another call."""

OTHER_DATA: Final = "other_data"
"""Reason of a withheld contact."""

WITHDRAWN: Final = "withdrawn"
"""Reason of an intent that fails because its contact was withdrawn."""

CLAIM_LOST: Final = "claim_lost"
"""Reason of any other intent of an owner who has no claim on the contact."""

RESTORED: Final = "restored"
"""Reason of a contact that may have been called after its ledger was backed up."""

_STEPS: Final = {
    Outcome.ACCEPTED: Step.ACCEPT,
    Outcome.REJECTED: Step.REJECT,
    Outcome.UNKNOWN: Step.MARK_UNKNOWN,
    Outcome.REFUSED: Step.NOT_PLACED,
    Outcome.NOT_SENT: Step.NOT_PLACED,
}


def next_state(state: State, step: Step) -> State:
    """Return the state that a step leads to.

    Raises:
        IllegalTransitionError: If the step is not legal in that state.
    """
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        pass
    raise IllegalTransitionError(
        f"{step} is not legal for a contact that is {state}", reason="illegal_step"
    )


def claim_lost(state: State | None) -> ClaimLostError:
    """Return the error of an intent whose owner has no claim on the contact.

    Args:
        state: Where the contact is; None where there is none.
    """
    if state is State.SKIPPED:
        return ClaimLostError("the contact was withdrawn", reason=WITHDRAWN)
    return ClaimLostError("the contact is not claimed by this owner", reason=CLAIM_LOST)


def step_for(outcome: Outcome) -> Step:
    """Return the step that an attempt's outcome is.

    Raises:
        IllegalTransitionError: If no attempt can end so.
    """
    step = _STEPS.get(outcome)
    if step is not None:
        return step
    raise IllegalTransitionError(f"no attempt ends as {outcome}", reason="illegal_step")


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.PENDING}"]
    lines += [f"    {a} --> {b}: {step}" for (a, step), b in TRANSITIONS.items()]
    lines += [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines)
