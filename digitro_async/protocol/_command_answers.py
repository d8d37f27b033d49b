"""Reads the answers to commands other than calls, as documented or as settings say."""

from typing import Final

from digitro_async import errors
from digitro_async.command_settings import AnswerBody, CommandSettings
from digitro_async.errors import Outcome
from digitro_async.models import CommandAccepted, CommandAnswer
from digitro_async.privacy import Personal
from digitro_async.protocol._classification import Classification, Observation
from digitro_async.protocol._decoding import (
    MAX_ANSWER_BYTES,
    UnreadableBodyError,
    decode_json,
    decode_object,
)
from digitro_async.protocol._names import CALL_ID

__all__ = ["classify_as_set", "read_as_set", "read_json", "read_object"]

_ACCEPTED: Final = Classification(Outcome.ACCEPTED)


def read_object(body: bytes) -> CommandAccepted:
    """Return the answer in a body that must be an object.

    Raises:
        UnreadableBodyError: If it is none.
    """
    answer = decode_object(body)
    return CommandAnswer(answer, answer, _text_of(body))


def read_json(body: bytes) -> CommandAccepted:
    """Return the answer in a body that must be JSON.

    Raises:
        UnreadableBodyError: If it is none.
    """
    answer = decode_json(body)
    members = answer if isinstance(answer, dict) else {}
    return CommandAnswer(members, answer, _text_of(body))


def _read_anything(body: bytes) -> CommandAccepted:
    """Return the answer in any body.

    Raises:
        UnreadableBodyError: If it is too large.
    """
    try:
        return read_json(body)
    except UnreadableBodyError:
        pass
    if len(body) > MAX_ANSWER_BYTES:
        raise UnreadableBodyError("oversized_answer")
    return CommandAnswer(text=_text_of(body))


_READERS: Final = {
    AnswerBody.OBJECT: read_object,
    AnswerBody.JSON: read_json,
    AnswerBody.ANY: _read_anything,
}


def _text_of(body: bytes) -> Personal:
    return Personal(body.decode("utf-8", "replace"))


def classify_as_set(
    observation: Observation, by_status: Classification, settings: CommandSettings
) -> Classification:
    """Return the classification of an answer by the settings of its command.

    Args:
        observation: The observation of the attempt.
        by_status: Its classification without the settings.
        settings: The settings.
    """
    status = observation.status
    if status not in settings.success_statuses:
        if by_status.outcome is not Outcome.ACCEPTED:
            return by_status
        return _unexpected()  # a 200 that is said to be no success
    if not observation.request_started or observation.failure is not None:
        return by_status
    if settings.success_field is None:
        return _ACCEPTED
    try:
        answer = decode_json(observation.body)
    except UnreadableBodyError as error:
        code = str(error.args[0])
        return Classification(Outcome.UNKNOWN, errors.UnreadableAnswerError, code)
    is_success = settings.says_success(answer)
    if is_success:
        return _ACCEPTED
    if is_success is None or CALL_ID in answer:  # a call id says that it was placed
        return _unexpected()
    return Classification(Outcome.REJECTED, errors.RejectedError, "rejected_in_answer")


def _unexpected() -> Classification:
    return Classification(
        Outcome.UNKNOWN, errors.UnreadableAnswerError, "unexpected_answer"
    )


def read_as_set(body: bytes, settings: CommandSettings) -> CommandAccepted | None:
    """Return the answer in a body by the settings of its command.

    Returns:
        The answer; None where the settings say nothing of the body.

    Raises:
        UnreadableBodyError: If it is not such an answer.
    """
    return None if settings.body is None else _READERS[settings.body](body)
