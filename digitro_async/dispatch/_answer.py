"""Settles an attempt by its answer, and judges the connection that brought it."""

from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._call_run import CallRun
from digitro_async.errors import DigitroError, Outcome
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    AttemptResult,
    Evidence,
    Failure,
    Observation,
    classify,
    doubtful_answer,
    error_of,
    repeated_call_id,
)

__all__ = [
    "cut_short",
    "doubted_attempt",
    "error_of_attempt",
    "settle_attempt",
    "settle_record",
]


def settle_attempt(
    admission: Admission, call_run: CallRun, evidence: Evidence, seen: Observation
) -> AttemptResult:
    """Settle an attempt, and judge its connection by what it answered."""
    assert call_run.command is not None  # noqa: S101 - for the type checker
    settled = classify(seen, call_run.command, now=call_run.sent_at or 0.0)
    connection = call_run.connection = evidence.connection
    accepted = settled.accepted
    call_id = None if accepted is None else accepted.call_id
    if call_id is not None and admission.is_repeated(call_id):
        settled = repeated_call_id()
    elif accepted is not None and not evidence.is_doubtful:  # nearly always
        if call_run.recorder is None and connection is not None:
            evidence.owner = (
                admission.doubts
            )  # it can only be counted now: keep no call
        elif connection is None:
            evidence.owner = None
        return settled
    if connection is None:
        evidence.owner = None  # whoever keeps the evidence keeps no call
    elif settled.classification.protocol_violation:
        connection.distrust()
    elif evidence.is_doubtful:
        return doubtful_answer()
    elif seen.status == ACCEPTED_STATUS:
        connection.retire()
    return settled


def settle_record(call_run: CallRun, settled: AttemptResult) -> AttemptResult:
    """Return what an attempt comes to once it is recorded."""
    if (
        settled.classification.protocol_violation and not call_run.is_doubtful
    ):  # the record found it
        if call_run.connection is not None:
            call_run.connection.distrust()
    elif call_run.is_doubtful and settled.classification.outcome is not Outcome.UNKNOWN:
        return doubtful_answer()
    return settled


def doubted_attempt() -> tuple[AttemptResult, Observation]:
    """Return what a call comes to that waits to be sent again, and is doubted."""
    return doubtful_answer(), Observation(request_started=True)


def cut_short(evidence: Evidence, failure: Failure) -> Observation:
    """Return what is seen of an attempt that came to no end of its own."""
    return Observation(evidence.request_started, failure=failure)


def error_of_attempt(
    call_run: CallRun, settled: AttemptResult, seen: Observation, pabx: str
) -> DigitroError | None:
    """Return the error of an attempt that was not accepted."""
    error = error_of(settled, seen, pabx=pabx, attempts=call_run.attempts)
    if error is not None and call_run.problem:
        error.args = (call_run.problem,)
    return error
