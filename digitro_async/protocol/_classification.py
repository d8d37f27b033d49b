"""Evidence of one attempt -> what is known of the call, as one table.

The rule behind it: a phone call can't be taken back and the vendor offers no
idempotency key, so a call may be sent again only where it *provably* did not leave.
Exceptions can't prove that: one and the same class is raised before and after the
request left. A flag that is raised *before* the first byte is handed over can:

* never raised: nothing left.
* raised: it may have left, so without a usable answer it is UNKNOWN.
* never raised although an answer came: the answer belongs to something else (a stale
  one on a reused connection); it is UNKNOWN.

Non-idempotent requests are not to be repeated automatically: RFC 9110 section 9.2.2.
"""

from typing import Any, Final, Protocol, Self

import attrs

from digitro_async import errors
from digitro_async._common.reasons import (
    PABX_REASONS,
    REFUSED_STATUSES,
    Failure,
    is_answer,
)
from digitro_async.errors import Outcome
from digitro_async.privacy import Personal

__all__ = [
    "ACCEPTED_STATUS",
    "PABX_REASONS",
    "Classification",
    "Connection",
    "Evidence",
    "Failure",
    "Observation",
    "classify_evidence",
    "is_answer",
]

ACCEPTED_STATUS: Final = 200
"""VERIFIED (docs-pabx.digitro.com/api-10271002): "Comando recebido com sucesso"."""


class Connection(Protocol):
    """The connection that an attempt is on.

    HTTP/1.1 pairs answers with requests by their order alone. One answer that nobody
    asked for puts every later one out of step, and each then belongs to another call.
    """

    @property
    def is_retired(self) -> bool:
        """Whether it serves no further call."""
        ...

    def retire(self) -> float:
        """Let it serve no further call, and watch it for a while before it is closed.

        Returns:
            Seconds after which an answer that is out of step has shown itself.
        """
        ...

    def distrust(self) -> None:
        """Close it: its answers may belong to other calls than they were given to.

        The owner of every attempt that it may have misled is told, and no other
        connection of its pool that is open now serves a further call.
        """
        ...

    async def stays_quiet(self) -> None:
        """Wait until an answer that is out of step would have shown itself."""
        ...


class Owner(Protocol):
    """Whoever made an attempt."""

    def doubt(self, attempt: int) -> None:
        """Take note that the answer to an attempt may belong to another call."""
        ...


class Evidence:
    """How far one attempt came. One object for one attempt; the transport sets it.

    Made for every call: with its first values in the class it needs no constructor.

    Attributes:
        request_started: The first byte of the request is about to leave, or has left.
        waiting_for_connection: It waits for a pooled connection to become free.
        connection: The connection it was sent on, None where that is not known.
        is_doubtful: Its answer may belong to another call; known before it was read.
        owner: Set by whoever made the attempt, and told of doubts.
        attempt: Set by the owner: the number of the attempt.
    """

    request_started: bool = False
    waiting_for_connection: bool = False
    connection: Connection | None = None
    is_doubtful: bool = False
    owner: Any = None  # an Owner; Any is not looked up at every call
    attempt: int = 0

    # Tools for tests copy what a request was made with: a copy would see nothing, and
    # bring the owner along, with its loop.
    def __deepcopy__(self, _: object) -> Self:
        return self

    def tell_doubt(self) -> None:
        """Tell the owner that the answer may belong to another call."""
        if self.owner is not None:
            self.owner.doubt(self.attempt)


@attrs.define  # not frozen: made for every call, and that takes three times as long
class Observation:
    """All that is known after one attempt. Values only, no live objects.

    Attributes:
        request_started: See ``Evidence``.
        status: HTTP status, where an answer began.
        body: The answer's body as read so far.
        failure: Why the answer is not whole, None where it is.
        retry_after: The Retry-After header as sent; masked, it may repeat a number.
    """

    request_started: bool
    status: int | None = None
    body: bytes = attrs.field(default=b"", repr=False)
    failure: Failure | None = None
    retry_after: Personal | str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Classification:
    """What is known of the call after one attempt.

    Attributes:
        outcome: The outcome.
        error: The class to raise, None where the call was accepted.
        reason: Code from a closed set.
        needs_operator: Whether the PABX must be paused until somebody has looked.
        protocol_violation: Whether the PABX broke its own protocol.
    """

    outcome: Outcome
    error: type[errors.DigitroError] | None = None
    reason: str = ""
    needs_operator: bool = False
    protocol_violation: bool = False


_SUCCESSES: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_SERVER_FAULTS: Final = range(500, 600)

_ACCEPTED: Final = Classification(Outcome.ACCEPTED)

_NOT_SENT: Final = {
    Failure.POOL_TIMEOUT: errors.PoolTimeoutError,
    Failure.CANCELLED: errors.NotSentError,
    Failure.UNEXPECTED: errors.NotSentError,
}
"""Nothing left; any other failure means that no connection could be made."""

_NO_ANSWER: Final = {
    Failure.TIMEOUT: errors.AnswerTimeoutError,
    Failure.CONNECT_TIMEOUT: errors.AnswerTimeoutError,
    Failure.LOST: errors.ConnectionLostError,
    Failure.MALFORMED: errors.UnreadableAnswerError,
    Failure.TRUNCATED: errors.UnreadableAnswerError,
    Failure.OVERSIZED: errors.UnreadableAnswerError,
    Failure.INTERIM: errors.UnreadableAnswerError,
}
"""It may have left and no usable answer came; anything else is plain unknown."""

_REJECTED: Final = frozenset({400, 402, 409, 410, 413, 414, 422, 451})
"""This call's fault, final. 400 is documented; the rest follow RFC 9110."""

_REFUSED: Final = {
    **dict.fromkeys(REFUSED_STATUSES, errors.RefusedError),
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.ChannelNotFoundError,
}
"""The key, the channel or the set-up: not this call's fault, and true for the next."""

_THROTTLED: Final = frozenset({425, 429})
"""Too early, too many: documented by RFC 8470 and RFC 6585, not by the vendor."""


def classify_evidence(observation: Observation) -> Classification:
    """Return what is known of the call; ACCEPTED still needs a readable body.

    First match wins, in this order: nothing left; no answer; an answer to a request
    that never left; then the status.
    """
    if (
        observation.failure is not None
        and not observation.request_started
        and observation.status is None
    ):
        not_sent = _NOT_SENT.get(observation.failure, errors.ConnectFailedError)
        return Classification(Outcome.NOT_SENT, not_sent, observation.failure)
    if observation.status is None:
        failure = observation.failure or Failure.UNEXPECTED
        error = _NO_ANSWER.get(failure, errors.OutcomeUnknownError)
        return Classification(Outcome.UNKNOWN, error, failure)
    if not observation.request_started:
        return Classification(
            Outcome.UNKNOWN,
            errors.UnreadableAnswerError,
            "answer_before_request",
            protocol_violation=True,
        )
    if observation.status == ACCEPTED_STATUS and observation.failure is None:
        return _ACCEPTED
    return _classify_status(observation.status, observation.failure)


def _classify_status(status: int, failure: Failure | None) -> Classification:
    if status in _SUCCESSES:
        if failure is not None:
            error = _NO_ANSWER.get(failure, errors.UnreadableAnswerError)
            return Classification(Outcome.UNKNOWN, error, failure)
        return _unreadable("undocumented_success")
    if status in _THROTTLED:
        return Classification(Outcome.REFUSED, errors.ThrottledError, "throttled")
    if status in _REJECTED:
        return Classification(
            Outcome.REJECTED, errors.RejectedError, f"status_{status}"
        )
    if status in _REFUSED:
        reason = f"status_{status}"
        return Classification(
            Outcome.REFUSED, _REFUSED[status], reason, needs_operator=True
        )
    if status in _REDIRECTS:
        error = errors.UnexpectedRedirectError
        return Classification(Outcome.UNKNOWN, error, "redirect", needs_operator=True)
    if status in _SERVER_FAULTS:
        return Classification(Outcome.UNKNOWN, errors.ServerFaultError, "server_fault")
    return _unreadable("undocumented_status")


def _unreadable(reason: str) -> Classification:
    return Classification(Outcome.UNKNOWN, errors.UnreadableAnswerError, reason)
