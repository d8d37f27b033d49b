"""The one way in which a call's result is made, and one error that it may hold."""

from collections.abc import Hashable
from typing import Final

import attrs

from digitro_async._common.drafts import draft_of
from digitro_async.dispatch._calls_in_progress import CallInProgress
from digitro_async.errors import DigitroError, Outcome, RateWaitTimeoutError
from digitro_async.models import Call, CallResult, CommandAccepted, Timings

__all__ = ["late_error", "make_call_result", "with_end"]

# Looked up once: an attribute of an enumeration takes long.
_ACCEPTED, _NOT_SENT = Outcome.ACCEPTED, Outcome.NOT_SENT
# The constructors that attrs writes for two frozen classes take 2.6 us of the 90 us of
# a call; objects that are filled in and are given their class then take 0.5 us. A field
# that one of the classes gets later must be set below too: tests/unit/test_drafts.py
# compares with what the constructors make.
_TimingsDraft: Final = draft_of(Timings)
_ResultDraft: Final = draft_of(CallResult)


def make_call_result(  # noqa: PLR0917 - one parameter for each value
    call: Call,
    key: Hashable,
    pabx: str | None,
    attempts: int,
    error: DigitroError | None,
    accepted: CommandAccepted | None,
    sent_at: float | None,
    waited: float,
    latency: float,
) -> CallResult:
    """Return the result of a call.

    Args:
        call: The call.
        key: The key of its ``DispatchItem``.
        pabx: Name of the PABX that had it last.
        attempts: Attempts begun.
        error: Why it was not accepted, None where it was.
        accepted: The acceptance.
        sent_at: Unix time when the last attempt began, None without one.
        waited: Seconds until then.
        latency: Seconds from then to the answer or the failure.
    """
    timings = _TimingsDraft()
    timings.sent_at = sent_at
    timings.waited = waited
    timings.latency = latency
    timings.__class__ = Timings
    draft = _ResultDraft()
    draft.call = call
    # An error of the configuration names no outcome: no call can be sent with it.
    draft.outcome = _ACCEPTED if error is None else error.outcome or _NOT_SENT
    draft.call_id = None if accepted is None else accepted.call_id
    draft.error = error
    draft.pabx = pabx
    draft.attempts = attempts
    draft.timings = timings
    draft.key = key
    draft.accepted = accepted
    draft.end = None
    draft.__class__ = CallResult
    result: CallResult = draft
    return result


def late_error(pabx: str | None) -> RateWaitTimeoutError:
    """Return the error of a call whose deadline came before its turn.

    Args:
        pabx: Name of the PABX where it waited.
    """
    return RateWaitTimeoutError(pabx=pabx, reason="deadline")


def with_end(result: CallResult, followed: CallInProgress | None) -> CallResult:
    """Return the result with what became of the call, where that is known by now.

    Args:
        result: The result.
        followed: The call as it is followed until its end, None where it is not.
    """
    if followed is None or followed.end is None:
        return result
    return attrs.evolve(result, end=followed.end)
