"""Settles an attempt by its answer, and judges the connection that brought it."""

from digitro_async.dispatch._admission import Lane
from digitro_async.dispatch._call_run import Progress
from digitro_async.errors import DigitroError, Outcome
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    AttemptResult,
    Evidence,
    Failure,
    Observation,
    doubtful_answer,
    error_of,
    repeated_call_id,
    settle,
)

__all__ = [
    "cut_short",
    "doubted_attempt",
    "error_of_attempt",
    "settle_attempt",
    "settle_record",
]


def settle_attempt(
    lane: Lane, progress: Progress, evidence: Evidence, seen: Observation
) -> AttemptResult:
    """Settle an attempt, and judge its connection by what it answered."""
    settled = settle(seen, now=progress.sent_at or 0.0)
    connection = progress.connection = evidence.connection
    accepted = settled.accepted
    if accepted is not None and lane.is_repeated(accepted.call_id):
        settled = repeated_call_id()
    elif accepted is not None and not evidence.is_doubtful:  # nearly always
        if progress.journal is None and connection is not None:
            evidence.owner = lane.doubts  # it can only be counted now: keep no call
        elif connection is None:
            evidence.owner = None
        return settled
    if connection is None:
        evidence.owner = None  # whoever keeps the evidence keeps no call
    elif settled.verdict.alarm:
        connection.distrust()
    elif evidence.is_doubtful:
        return doubtful_answer()
    elif seen.status == ACCEPTED_STATUS:
        connection.retire()
    return settled


def settle_record(progress: Progress, settled: AttemptResult) -> AttemptResult:
    """Return what an attempt comes to once it is recorded."""
    if settled.verdict.alarm and not progress.is_doubtful:  # the record found it
        if progress.connection is not None:
            progress.connection.distrust()
    elif progress.is_doubtful and settled.verdict.outcome is not Outcome.UNKNOWN:
        return doubtful_answer()
    return settled


def doubted_attempt() -> tuple[AttemptResult, Observation]:
    """Return what a call comes to that waits to be sent again, and is doubted."""
    return doubtful_answer(), Observation(sending=True)


def cut_short(evidence: Evidence, failure: Failure) -> Observation:
    """Return what is seen of an attempt that came to no end of its own."""
    return Observation(evidence.sending, failure=failure)


def error_of_attempt(
    progress: Progress, settled: AttemptResult, seen: Observation, pabx: str
) -> DigitroError | None:
    """Return the error of an attempt that was not accepted."""
    error = error_of(settled, seen, pabx=pabx, attempts=progress.attempts)
    if error is not None and progress.problem:
        error.args = (progress.problem,)
    return error
