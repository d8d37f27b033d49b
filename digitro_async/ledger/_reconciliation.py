"""PURE: whether an unknown contact may be settled by evidence, and how."""

from digitro_async.errors import IllegalTransitionError, LedgerError
from digitro_async.ledger._ledger_clock import Clock, clock_to_keep
from digitro_async.ledger._state import State, Step, next_state

__all__ = [
    "QUARANTINE",
    "check_found",
    "check_seen",
    "decide",
    "forgotten_error",
    "seconds_of",
    "step_by_evidence",
]

QUARANTINE = "quarantine_seconds"
"""Setting: how long after its intent a call may still be delivered late."""

_LONGEST_EVIDENCE = 1_000


def decide(
    state: State,
    sent_at: float | None,
    quarantine: str | None,
    *,
    accepted: bool,
    evidence: str,
    now: float,
    clock: str | None,
    read: Clock,
) -> tuple[Step, State]:
    """Return the step of a reconciliation and where it leads.

    Args:
        state: Where the contact is.
        sent_at: Unix time of its last intent.
        quarantine: The setting of that name, as the ledger keeps it.
        accepted: Whether it was called.
        evidence: The source of that knowledge.
        now: The time.
        clock: The setting of that name, as the ledger keeps it.
        read: Today's clock.

    Raises:
        LedgerError: If there is no evidence, or it is too early.
        IllegalTransitionError: If the contact is not unknown.
    """
    step, becomes = step_by_evidence(state, evidence, accepted=accepted)
    kept = clock_to_keep(clock, read) or clock
    latest, is_unclear = _latest(sent_at or 0.0, kept, read)
    wait = latest + seconds_of(quarantine) - now
    if wait > 0:
        unclear = (
            ": another machine made it, or this one before it was started, so its time"
            " can't be compared"
        )
        raise LedgerError(
            f"too early: its call may still be delivered for {wait:.0f} s"
            f"{unclear if is_unclear else ''}",
            reason="quarantine",
        )
    return step, becomes


def forgotten_error(number: int) -> LedgerError:
    """Return the error of a contact that was forgotten, and was not called."""
    return LedgerError(
        f"#{number} was forgotten, so nobody can call it again: settle it as "
        "accepted, or leave it unknown",
        reason="forgotten",
    )


def step_by_evidence(
    state: State, evidence: str, *, accepted: bool
) -> tuple[Step, State]:
    """Return the step of a reconciliation and where it leads, whenever that is.

    Args:
        state: Where the contact is.
        evidence: The source of that knowledge.
        accepted: Whether it was called.

    Raises:
        LedgerError: If there is no evidence.
        IllegalTransitionError: If the contact is not unknown.
    """
    if not evidence.strip() or len(evidence) > _LONGEST_EVIDENCE:
        raise LedgerError(
            f"no evidence: say how it is known, in 1 to {_LONGEST_EVIDENCE} characters",
            reason="no_evidence",
        )
    step = Step.RECONCILE_ACCEPTED if accepted else Step.RECONCILE_NOT_PLACED
    try:
        return step, next_state(state, step)
    except IllegalTransitionError:
        text = f"the contact is {state}; only an unknown one is settled"
    raise IllegalTransitionError(text, reason="illegal_step")


def _latest(sent_at: float, setting: str | None, read: Clock) -> tuple[float, bool]:
    """Return when a call was sent at the latest, and whether that is unclear."""
    clock = Clock.of_setting(setting)
    if clock is None or clock.boot != read.boot or not read.boot:
        return sent_at, False  # there is nothing to go by but what it says
    return clock.latest(sent_at, read), clock.is_unclear(sent_at)


def check_found(contacts: int) -> None:
    """Demand that one contact was found.

    Raises:
        LedgerError: If there was none, or more than one.
    """
    if contacts == 0:
        raise LedgerError(
            'there is no such contact: "digitro results" shows how each is named',
            reason="no_such_contact",
        )
    if contacts > 1:
        raise LedgerError(
            "several contacts can be meant: name one by the ledger's number alone, "
            "as --number or an int",
            reason="ambiguous_contact",
        )


def check_seen(known_pabx: str | None, pabx: str, *, is_known: bool) -> None:
    """Demand that a call that was seen in an event can be an unknown contact's.

    Args:
        known_pabx: Name of the PABX that has the contact's call.
        pabx: Name of the PABX that told of the call that was seen.
        is_known: Whether that call is known as another contact's.

    Raises:
        LedgerError: If it can't be.
    """
    if known_pabx != pabx:
        raise LedgerError(
            "the call was seen at another PABX than the contact's: it is not its call",
            reason="other_pabx",
        )
    if is_known:
        raise LedgerError(
            "the call that was seen is another contact's: it settles no other one",
            reason="known_call",
        )


def seconds_of(setting: str | None) -> float:
    """Return the quarantine that a setting says."""
    return float(setting or 0.0)
