"""Classifies the observation of an attempt by one table.

A phone call can't be taken back and the vendor offers no idempotency key, so a call may
be sent again only where it *provably* did not leave. An exception can't prove that,
because the same class is raised before and after a request left. The flag
``request_started`` can, because it is set *before* the first byte is handed over:

* not set: nothing left.
* set: the request may have left, so without a usable answer the call is UNKNOWN.
* not set although an answer came: the answer belongs to another request (a late one on
  a reused connection), and the call is UNKNOWN.

Non-idempotent requests are not to be repeated automatically: RFC 9110 section 9.2.2.
"""

from typing import Any, Final, Protocol, Self

import attrs

from digitro_async import errors
from digitro_async._common.reasons import (
    OWN_FAULTS,
    PABX_REASONS,
    REFUSED_STATUSES,
    Failure,
    is_answer,
)
from digitro_async.errors import Outcome
from digitro_async.privacy import Personal
from digitro_async.protocol._connect_cause import ConnectCause

__all__ = [
    "ACCEPTED",
    "ACCEPTED_STATUS",
    "OWN_FAULTS",
    "PABX_REASONS",
    "Classification",
    "Connection",
    "Evidence",
    "Failure",
    "Observation",
    "classify_evidence",
    "is_answer",
    "refusal_by_tls",
]

ACCEPTED_STATUS: Final = 200
"""VERIFIED (docs-pabx.digitro.com/api-10271002): "Comando recebido com sucesso"."""


class Connection(Protocol):
    """The port to the connection that an attempt is on.

    HTTP/1.1 pairs answers with requests by their order alone. One answer that nobody
    asked for puts a connection out of step: each later answer belongs to another call.
    """

    @property
    def is_retired(self) -> bool:
        """Whether the connection serves no further call."""
        ...

    def retire(self) -> float:
        """Let the connection serve no further call, and close it after a watch.

        Returns:
            Seconds after which an answer that is out of step has arrived.
        """
        ...

    def distrust(self) -> None:
        """Close the connection, because its answers may belong to other calls.

        The owner of every attempt whose answer is in doubt is told, and no other
        connection of the pool that is open now serves a further call.
        """
        ...

    async def stays_quiet(self) -> None:
        """Wait until an answer that is out of step would have arrived."""
        ...


class Owner(Protocol):
    """The port to the part that made an attempt."""

    def doubt(self, attempt: int) -> None:
        """Note that the answer to an attempt may belong to another call."""
        ...


class Evidence:
    """Facts that say how far one attempt came; the transport sets them.

    Attributes:
        request_started: Whether the first byte of the request has left, or is about to.
        waiting_for_connection: Whether the attempt waits for a pooled connection.
        connection: The connection of the attempt, None where it is not known.
        is_doubtful: Whether the answer may belong to another call; known before the
            answer was read.
        was_doubted: Whether its owner was told of a doubt.
        owner: The part that made the attempt and is told of doubts; it sets this.
        attempt: The number of the attempt; the owner sets it.
        refused: Why the request may not be written after all, None where it may. To set
            ``request_started`` then raises an error, and nothing is written.
    """

    # One object is made for every call: with the first values in the class, the class
    # needs no constructor.
    request_started: bool = False
    waiting_for_connection: bool = False
    connection: Connection | None = None
    is_doubtful: bool = False
    was_doubted: bool = False
    owner: Any = None  # an Owner; Any is not looked up at every call
    attempt: int = 0
    refused: Failure | None = None

    # Test tools copy the arguments of a request. A copy of the evidence would never be
    # set, and the owner would be copied with it, event loop included.
    def __deepcopy__(self, _: object) -> Self:
        return self

    def tell_doubt(self) -> None:
        """Tell the owner that the answer may belong to another call."""
        if self.owner is not None:
            self.was_doubted = True
            self.owner.doubt(self.attempt)


# Not frozen: one is made for every call, and freezing triples the time for that. Nor
# with slots: since 3.12 Python makes objects without them in two thirds of the time.
@attrs.define(slots=False)
class Observation:
    """All that the transport saw of one attempt, as plain values.

    Attributes:
        request_started: See ``Evidence``.
        status: HTTP status, None where no answer began.
        body: The body of the answer, as far as it was read.
        failure: Why no whole answer came, None where one came.
        retry_after: The Retry-After header, masked because it may repeat a number.
        cause: What is known of a connection that could not be made, or was lost where
            none was ever answered; None for others.
        reuse_ended: Whether, after this loss and others, each call to this host has a
            new connection of its own.
    """

    request_started: bool
    status: int | None = None
    body: bytes = attrs.field(default=b"", repr=False)
    failure: Failure | None = None
    retry_after: Personal | str | None = attrs.field(default=None, repr=False)
    cause: ConnectCause | None = None
    reuse_ended: bool = False


@attrs.frozen
class Classification:
    """The outcome of one attempt, with its reason.

    Attributes:
        outcome: The outcome.
        error: Class of the error to raise, None where the call was accepted.
        reason: Code from a closed set.
        needs_operator: Whether the PABX must be paused until somebody resumes it.
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

ACCEPTED: Final = Classification(Outcome.ACCEPTED)
"""The classification of an answer of the documented status, before it is decoded."""

_NOT_SENT: Final = {
    Failure.POOL_TIMEOUT: errors.PoolTimeoutError,
    Failure.CANCELLED: errors.NotSentError,
    Failure.LEASE_ENDED: errors.NotSentError,
    Failure.UNEXPECTED: errors.NotSentError,
}
"""Errors where nothing left; after any other failure, no connection could be made."""

_NO_ANSWER: Final = {
    Failure.TIMEOUT: errors.AnswerTimeoutError,
    Failure.CONNECT_TIMEOUT: errors.AnswerTimeoutError,
    Failure.LOST: errors.ConnectionLostError,
    Failure.MALFORMED: errors.UnreadableAnswerError,
    Failure.TRUNCATED: errors.UnreadableAnswerError,
    Failure.OVERSIZED: errors.UnreadableAnswerError,
    Failure.INTERIM: errors.UnreadableAnswerError,
    Failure.TLS_EXPECTED: errors.UnreadableAnswerError,
    Failure.CLIENT_CERTIFICATE: errors.ConnectionLostError,
}
"""Errors where the request may have left, and no usable answer came."""

_SET_UP_WRONG: Final = frozenset({Failure.TLS_EXPECTED, Failure.CLIENT_CERTIFICATE})
"""Failures that every call would meet until somebody changes a setting."""

_REJECTED: Final = frozenset({400, 402, 409, 410, 413, 414, 422, 451})
"""Statuses that are the call's fault. 400 is documented; the rest follow RFC 9110."""

_REFUSED: Final = {
    **dict.fromkeys(REFUSED_STATUSES, errors.RefusedError),
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.ChannelNotFoundError,
}
"""Errors where the key, the channel or the set-up is at fault, and not the call."""

_THROTTLED: Final = frozenset({425, 429})
"""Statuses of a throttle: documented by RFC 8470 and RFC 6585, not by the vendor."""


def classify_evidence(observation: Observation) -> Classification:
    """Return the classification of an observation, before its body is decoded.

    The first rule that fits counts, in this order: nothing left; no answer; an answer
    to a request that never left; the status.
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
        needs_operator = failure in _SET_UP_WRONG
        return Classification(Outcome.UNKNOWN, error, failure, needs_operator)
    if not observation.request_started:
        return Classification(
            Outcome.UNKNOWN,
            errors.UnreadableAnswerError,
            "answer_before_request",
            protocol_violation=True,
        )
    if observation.status == ACCEPTED_STATUS and observation.failure is None:
        return ACCEPTED
    return _classify_status(observation.status, observation.failure)


def refusal_by_tls(body: bytes) -> Classification | None:
    """Return the classification of a 400 that a server's TLS gave, None for others.

    No call is read before TLS is done, so none was placed, and none is at fault.
    """
    for words, reason in _SAID_BY_TLS.items():
        if words in body:
            return Classification(
                Outcome.REFUSED, errors.RefusedError, reason, needs_operator=True
            )
    return None


_SAID_BY_TLS: Final = {
    b"plain HTTP request was sent to HTTPS port": Failure.TLS_EXPECTED,  # nginx
    b"plain HTTP to an SSL-enabled server": Failure.TLS_EXPECTED,  # Apache
    b"HTTP request to an HTTPS server": Failure.TLS_EXPECTED,  # Go
    b"host and port requires TLS": Failure.TLS_EXPECTED,  # Tomcat
    b"No required SSL certificate was sent": Failure.CLIENT_CERTIFICATE,  # nginx
}


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
