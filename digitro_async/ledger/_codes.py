"""PURE: the numbers by which states, steps and the like stand in a ledger."""

from typing import Final

from digitro_async.call_events import Disposition
from digitro_async.errors import Outcome
from digitro_async.ledger._records import WaitKind
from digitro_async.ledger._state import State, Step

__all__ = [
    "DISPOSITIONS",
    "DISPOSITION_CODES",
    "OUTCOMES",
    "OUTCOME_CODES",
    "STATES",
    "STATE_CODES",
    "STEPS",
    "STEP_CODES",
    "WAITS",
    "WAIT_CODES",
]

STATE_CODES: Final = {
    State.PENDING: 1,
    State.CLAIMED: 2,
    State.INTENT: 3,
    State.ACCEPTED: 4,
    State.REJECTED: 5,
    State.UNKNOWN: 6,
    State.INVALID: 7,
    State.SKIPPED: 8,
    State.WITHHELD: 9,
}
"""Never change one: files outlive versions."""

STATES: Final = {code: state for state, code in STATE_CODES.items()}

STEP_CODES: Final = {
    Step.CLAIM: 1,
    Step.RELEASE: 2,
    Step.INTEND: 3,
    Step.ACCEPT: 4,
    Step.REJECT: 5,
    Step.MARK_UNKNOWN: 6,
    Step.NOT_PLACED: 7,
    Step.INVALIDATE: 8,
    Step.SKIP: 9,
    Step.RECOVER: 10,
    Step.RECONCILE_ACCEPTED: 11,
    Step.RECONCILE_NOT_PLACED: 12,
    Step.DOUBT: 13,
    Step.WITHHOLD: 14,
    Step.UPDATE: 15,
    Step.CONFIRM: 16,
    Step.RESTORE: 17,
    Step.DEFER: 18,
    Step.RECALL: 19,
    Step.CALL_BACK: 20,
}
"""Never change one: files outlive versions."""

STEPS: Final = {code: step for step, code in STEP_CODES.items()}

DISPOSITION_CODES: Final = {
    Disposition.ANSWERED: 1,
    Disposition.BUSY: 2,
    Disposition.NO_ANSWER: 3,
    Disposition.MACHINE: 4,
    Disposition.FAX: 5,
    Disposition.INVALID_NUMBER: 6,
    Disposition.CONGESTION: 7,
    Disposition.BLOCKED: 8,
    Disposition.ABANDONED: 9,
    Disposition.ENDED: 10,
    Disposition.OTHER: 11,
    Disposition.NONE_SEEN: 12,
}
"""Never change one: files outlive versions."""

DISPOSITIONS: Final = {code: one for one, code in DISPOSITION_CODES.items()}

OUTCOME_CODES: Final = {
    Outcome.ACCEPTED: 1,
    Outcome.REJECTED: 2,
    Outcome.UNKNOWN: 3,
    Outcome.NOT_SENT: 4,
}
"""Outcomes of attempts that are over. Never change one: files outlive versions."""

OUTCOMES: Final = {code: outcome for outcome, code in OUTCOME_CODES.items()}

WAIT_CODES: Final = {
    WaitKind.DEFERRED: 1,
    WaitKind.RECALL: 2,
    WaitKind.CALLBACK: 3,
}
"""Never change one: files outlive versions."""

WAITS: Final = {code: kind for kind, code in WAIT_CODES.items()}
