"""An observation -> the result of the attempt, and its error."""

import datetime as dt
import email.utils
import math
from typing import Final

import attrs

from digitro_async.errors import (
    DigitroError,
    Outcome,
    ThrottledError,
    UnreadableAnswerError,
)
from digitro_async.models import CommandAccepted
from digitro_async.privacy import Personal
from digitro_async.protocol._classification import (
    Classification,
    Observation,
    classify_evidence,
)
from digitro_async.protocol._commands import Command
from digitro_async.protocol._decoding import UnreadableBodyError

__all__ = [
    "AttemptResult",
    "classify",
    "doubtful_answer",
    "error_of",
    "repeated_call_id",
]

MAX_DETAIL_BYTES: Final = 2048

MAX_RETRY_AFTER: Final = 86_400.0
"""Longest wait that an error tells, a day. A server that echoes what it was sent may
write a phone number there, which would stand in the error as that many seconds."""

# Looked up once: a member of an enumeration takes long to look up.
_ACCEPTED: Final = Outcome.ACCEPTED


# Not frozen: made for every call, and that takes three times as long.
@attrs.define
class AttemptResult:
    """The result of one attempt.

    Attributes:
        classification: Outcome and reason.
        accepted: The acceptance, of the command's own class; None for other outcomes.
        retry_after: Seconds the PABX asked to wait, None if it did not say.
    """

    classification: Classification
    accepted: CommandAccepted | None = None
    retry_after: float | None = attrs.field(default=None, repr=False)


def classify(
    observation: Observation, command: Command, *, now: float = 0.0
) -> AttemptResult:
    """Return the result of one attempt.

    Args:
        observation: The observation.
        command: The command that was sent: it reads the answer.
        now: Unix time in seconds, against which a Retry-After date is read.
    """
    classification = classify_evidence(observation)
    if classification.outcome is _ACCEPTED:
        try:
            accepted = command.read(observation.body)
        except UnreadableBodyError as error:
            code = str(error.args[0])
            return AttemptResult(
                Classification(Outcome.UNKNOWN, UnreadableAnswerError, code)
            )
        return AttemptResult(classification, accepted)
    if classification.error is ThrottledError:
        asked = observation.retry_after
        text = asked.reveal() if isinstance(asked, Personal) else asked
        return AttemptResult(classification, retry_after=_read_retry_after(text, now))
    return AttemptResult(classification)


def repeated_call_id() -> AttemptResult:
    """Return the result of an acceptance whose call id was seen before.

    It may be an older call's answer, left over on a reused connection, so whether
    this call was placed is not known.
    """
    classification = Classification(
        Outcome.UNKNOWN,
        UnreadableAnswerError,
        "repeated_call_id",
        protocol_violation=True,
    )
    return AttemptResult(classification)


def doubtful_answer() -> AttemptResult:
    """Return the result of a call whose answer may belong to another call.

    Its connection was found to be out of step with its requests.
    """
    return AttemptResult(
        Classification(Outcome.UNKNOWN, UnreadableAnswerError, "doubtful_answer")
    )


def error_of(
    result: AttemptResult, observation: Observation, *, pabx: str, attempts: int
) -> DigitroError | None:
    """Return the error of an attempt, None where the call was accepted."""
    classification = result.classification
    if classification.error is None:
        return None
    detail = observation.body[:MAX_DETAIL_BYTES].decode("utf-8", "replace")
    error = classification.error(
        pabx=pabx,
        status=observation.status,
        reason=classification.reason,
        attempts=attempts,
        detail=Personal(detail) if detail else None,
    )
    if isinstance(error, ThrottledError):
        asked = result.retry_after
        error.retry_after = None if asked is None else min(asked, MAX_RETRY_AFTER)
    return error


def _read_retry_after(value: str | None, now: float) -> float | None:
    """Read seconds or an HTTP date (RFC 9110 section 10.2.3); nonsense is None."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 12:  # noqa: PLR2004
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
        if date.tzinfo is None:  # asctime's form names no zone and means UTC
            date = date.replace(tzinfo=dt.UTC)
        seconds = date.timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
