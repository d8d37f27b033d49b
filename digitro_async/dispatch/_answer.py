"""Attempts that have ended, and the trust in the connections that they used."""

import attrs

from digitro_async.dispatch._channel import CHANNEL_NOT_FOUND
from digitro_async.dispatch._doubts import FollowedDoubt
from digitro_async.dispatch._standing import Standing
from digitro_async.errors import ChannelNotFoundError, ConfigurationError, Outcome
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    NO_SUCH_COMMAND,
    AttemptResult,
    Classification,
    Command,
    Evidence,
    Failure,
    Observation,
    classify,
    doubtful_answer,
    repeated_call_id,
)

__all__ = [
    "classify_answer",
    "cut_short",
    "doubted_attempt",
    "without_frames",
]


def classify_answer(
    standing: Standing,
    command: Command,
    evidence: Evidence,
    observation: Observation,
    *,
    sent_at: float,
    is_recorded: bool,
) -> AttemptResult:
    """Return the result of an attempt, and act on an answer that broke the protocol.

    Such an answer is counted, and its connection is closed.

    Args:
        standing: The state of the PABX that answered.
        command: The row of the call's command.
        evidence: The evidence of the attempt; it keeps no call afterwards, unless a
            later doubt about the answer must be recorded.
        observation: The observation of the attempt.
        sent_at: Unix time when the attempt began.
        is_recorded: Whether attempts of this call are recorded.
    """
    settings = standing.settings_of(command) if standing.has_settings else None
    result = classify(observation, command, now=sent_at, settings=settings)
    connection, accepted = evidence.connection, result.accepted
    call_id = None if accepted is None else accepted.call_id
    if call_id is not None and standing.is_repeated(call_id):
        result = repeated_call_id()
    elif accepted is not None and not evidence.is_doubtful:  # nearly always
        if connection is None:
            evidence.owner = None
        elif not is_recorded:
            # A later doubt can only be counted, and the connection need keep no call.
            followed = None if standing.tracker is None else evidence.owner.followed
            evidence.owner = standing.doubts
            if followed is not None:
                evidence.owner = FollowedDoubt(standing.doubts, followed)
        return result
    result = _with_dead_channel(result, standing)
    violates = result.classification.protocol_violation
    # Where the connection was found out of step before, since the next answer came
    # beside this one, it is the same breach, and the doubts count it.
    is_new = violates and not evidence.was_doubted
    if connection is None:
        evidence.owner = None
    elif violates:
        connection.distrust()
    elif evidence.is_doubtful:
        return doubtful_answer()
    elif observation.status == ACCEPTED_STATUS:
        connection.retire()
    standing.counters.alarms += is_new
    return result


def _with_dead_channel(result: AttemptResult, standing: Standing) -> AttemptResult:
    """Return the result, as that of a channel not found where its status says so."""
    # Of a path that no page shows, nobody knows whether it or the channel is missing.
    events = standing.pabx.events
    if (
        events is None
        or result.classification.reason == NO_SUCH_COMMAND
        or result.status not in events.dead_id_statuses
        or result.classification.outcome not in {Outcome.REJECTED, Outcome.REFUSED}
    ):
        return result
    found = Classification(
        Outcome.REFUSED, ChannelNotFoundError, CHANNEL_NOT_FOUND, needs_operator=True
    )
    return attrs.evolve(result, classification=found)


def doubted_attempt() -> tuple[Observation, AttemptResult]:
    """Return the attempt of a call that waits to be sent again, and is doubted."""
    return Observation(request_started=True), doubtful_answer()


def cut_short(evidence: Evidence, failure: Failure) -> Observation:
    """Return the observation of an attempt that was cut off."""
    return Observation(evidence.request_started, failure=evidence.refused or failure)


def without_frames(
    error: ConfigurationError, pabx: str, attempts: int
) -> ConfigurationError:
    """Return the same error without the frames of the transport: they hold the call.

    Args:
        error: The error.
        pabx: Name of the PABX that can't be used as configured.
        attempts: Attempts begun.
    """
    text, reason = str(error.args[0]), Failure.CONFIGURATION
    return ConfigurationError(text, pabx=pabx, reason=reason, attempts=attempts)
