"""Turns the observation of an attempt into its result and its error."""

import datetime as dt
import email.utils
import math
from typing import Final

import attrs

from digitro_async.command_settings import CommandSettings
from digitro_async.errors import (
    ConnectFailedError,
    DigitroError,
    Outcome,
    RejectedError,
    ThrottledError,
    UnreadableAnswerError,
)
from digitro_async.models import CommandAccepted
from digitro_async.privacy import Personal
from digitro_async.protocol._classification import (
    ACCEPTED,
    ACCEPTED_STATUS,
    Classification,
    Observation,
    classify_evidence,
    refusal_by_tls,
)
from digitro_async.protocol._command_answers import classify_as_set, read_as_set
from digitro_async.protocol._commands import Command
from digitro_async.protocol._connect_cause import CAUSES, ConnectCause, cause_text
from digitro_async.protocol._decoding import UnreadableBodyError

__all__ = [
    "NO_SUCH_COMMAND",
    "AttemptResult",
    "classify",
    "doubtful_answer",
    "error_of",
    "repeated_call_id",
]

NO_SUCH_COMMAND: Final = "no_such_command"
"""Code of the answer to a path that no page shows, which is not there."""

MAX_DETAIL_BYTES: Final = 2048

# A server that repeats its request may write a phone number into the header, and the
# error would show that number as seconds.
MAX_RETRY_AFTER: Final = 86_400.0
"""Longest wait that an error names, in seconds: a day."""

_BAD_REQUEST: Final = 400

_NO_SUCH_PATH: Final = frozenset({404, 405})
"""Statuses that may say that there is no such path; of one that no page gives, they
say nothing about the calls of others."""

# Looked up once: a member of an enumeration takes long to look up.
_ACCEPTED: Final = Outcome.ACCEPTED


# Neither frozen nor with slots: one is made for every call, see ``Observation``.
@attrs.define(slots=False)
class AttemptResult:
    """The result of one attempt.

    Attributes:
        classification: Outcome and reason.
        accepted: The acceptance, of the command's own class; None for other outcomes.
        retry_after: Seconds that the PABX asked to wait, None if it asked for none.
        cause: What is known of a connection that could not be made, None for others.
        status: HTTP status of the answer to a call that was not accepted, None where
            none came.
    """

    classification: Classification
    accepted: CommandAccepted | None = None
    retry_after: float | None = attrs.field(default=None, repr=False)
    cause: ConnectCause | None = None
    status: int | None = None


def classify(
    observation: Observation,
    command: Command,
    *,
    now: float = 0.0,
    settings: CommandSettings | None = None,
) -> AttemptResult:
    """Return the result of one attempt.

    Args:
        observation: The observation of the attempt.
        command: The command that was sent; its row decodes the answer.
        now: Unix time in seconds, against which a Retry-After date is read.
        settings: The settings of the command, None for what is documented.
    """
    if (  # nearly always, and told here to save a call
        observation.status == ACCEPTED_STATUS
        and observation.failure is None
        and observation.request_started
        and settings is None
    ):
        classification = ACCEPTED
    else:
        classification = classify_evidence(observation)
        if settings is not None:
            classification = classify_as_set(observation, classification, settings)
    if classification.outcome is _ACCEPTED:
        try:
            accepted = None
            if settings is not None:
                accepted = read_as_set(observation.body, settings)
            if accepted is None:
                accepted = command.read(observation.body)
        except UnreadableBodyError as error:
            code = str(error.args[0])
            return AttemptResult(
                Classification(Outcome.UNKNOWN, UnreadableAnswerError, code)
            )
        return AttemptResult(classification, accepted, None, None, None)
    if classification.error is ThrottledError:
        asked = observation.retry_after
        text = asked.reveal() if isinstance(asked, Personal) else asked
        return AttemptResult(
            classification,
            retry_after=_read_retry_after(text, now),
            status=observation.status,
        )
    if observation.status == _BAD_REQUEST and observation.request_started:
        classification = refusal_by_tls(observation.body) or classification
    elif (
        observation.status in _NO_SUCH_PATH
        and observation.request_started
        and not command.is_path_known
    ):
        classification = Classification(
            Outcome.REJECTED, RejectedError, NO_SUCH_COMMAND
        )
    return AttemptResult(
        classification, cause=observation.cause, status=observation.status
    )


def repeated_call_id() -> AttemptResult:
    """Return the result of an attempt whose answer repeats an earlier call id."""
    # The answer may be an older call's, left over on a reused connection: whether this
    # call was placed is not known.
    classification = Classification(
        Outcome.UNKNOWN,
        UnreadableAnswerError,
        "repeated_call_id",
        protocol_violation=True,
    )
    return AttemptResult(classification)


def doubtful_answer() -> AttemptResult:
    """Return the result of a call whose answer may belong to another call.

    The connection of the call was found to be out of step.
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
    is_unsent = issubclass(classification.error, ConnectFailedError)
    cause = observation.cause if is_unsent else None
    reason = classification.reason
    message: str | None = None
    if is_unsent or (classification.needs_operator and reason in CAUSES):
        message = cause_text(reason, cause)
    elif observation.cause is not None:
        lost = observation.cause
        message = f"{classification.error.text} [at {lost.address}] ({lost.message})"
    error = classification.error(
        message,
        pabx=pabx,
        status=observation.status,
        reason=reason,
        attempts=attempts,
        detail=Personal(detail) if detail else None,
    )
    if isinstance(error, ConnectFailedError) and cause is not None:
        error.address, error.tried = cause.address, cause.tried
        error.errno, error.system_message = cause.errno, cause.message
    if isinstance(error, ThrottledError):
        asked = result.retry_after
        error.retry_after = None if asked is None else min(asked, MAX_RETRY_AFTER)
    return error


def _read_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds of a Retry-After (RFC 9110, 10.2.3), None if unreadable."""
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
