"""The errors of this library, sorted by what may already have happened.

::

    DigitroError
    ├── ConfigurationError (also ValueError)   before anything leaves
    │   ├── WrongLoopError                     used on another event loop
    │   └── ClientClosedError                  used after it was closed
    ├── InvalidCallError (also ValueError)     this call can't be sent as it is
    ├── NotSentError                           nothing left: safe to send again
    │   ├── ConnectFailedError                 refused, no such host, TLS failed
    │   ├── PoolTimeoutError                   no connection became free in time
    │   ├── RateWaitTimeoutError               no rate slot became free in time
    │   ├── PABXPausedError                    the PABX is paused
    │   ├── DrainedError                       the dispatcher was told to stop
    │   └── GateRefusedError                   a gate forbade the call
    ├── RejectedError                          400 402 409 410 413 414 422 451
    ├── RefusedError                           refused, and not the call's fault
    │   ├── AuthenticationError                401
    │   ├── PermissionDeniedError              403
    │   ├── ChannelNotFoundError               404
    │   └── ThrottledError                     429 (and 425)
    ├── SourceError (also RuntimeError)        the source of calls broke off
    ├── OutcomeUnknownError                    the phone may ring: never sent again
    │   ├── AnswerTimeoutError                 no whole answer in time
    │   ├── ConnectionLostError                closed or reset after the send began
    │   ├── ServerFaultError                   any 5xx
    │   ├── UnreadableAnswerError              an answer that breaks the contract
    │   └── UnexpectedRedirectError            any 3xx
    ├── EngineError                            what moves slices to workers
    └── LedgerError                            the record of a campaign
        ├── IllegalTransitionError             a step that the contact's state forbids
        ├── ClaimLostError                     the contact is no longer this owner's
        ├── SchemaMismatchError                made by another version
        └── LedgerInUseError                   another process owns it

No error's text, repr, arguments or cause holds a secret, a phone number or
text sent by a server, but for the names and dates in a certificate that was
refused. An error carries plain values and can be pickled.
"""

import enum
from typing import ClassVar

from digitro_async.privacy import Personal

__all__ = [
    "AnswerTimeoutError",
    "AuthenticationError",
    "ChannelNotFoundError",
    "ClaimLostError",
    "ClientClosedError",
    "ConfigurationError",
    "ConnectFailedError",
    "ConnectionLostError",
    "DigitroError",
    "DrainedError",
    "EngineError",
    "GateRefusedError",
    "IllegalTransitionError",
    "InvalidCallError",
    "LedgerError",
    "LedgerInUseError",
    "NotSentError",
    "Outcome",
    "OutcomeUnknownError",
    "PABXPausedError",
    "PermissionDeniedError",
    "PoolTimeoutError",
    "RateWaitTimeoutError",
    "RefusedError",
    "RejectedError",
    "SchemaMismatchError",
    "ServerFaultError",
    "SourceError",
    "ThrottledError",
    "UnexpectedRedirectError",
    "UnreadableAnswerError",
    "WrongLoopError",
]


class Outcome(enum.StrEnum):
    """The final knowledge about one call."""

    ACCEPTED = "accepted"
    """The PABX received the command and gave a call id. Not "answered"."""
    REJECTED = "rejected"
    """The PABX refused this call; it would refuse it again."""
    REFUSED = "refused"
    """The PABX refused for a reason that is not this call's fault."""
    NOT_SENT = "not_sent"
    """Provably nothing left this process; the call may be sent again."""
    UNKNOWN = "unknown"
    """The call may have been placed; the library never sends it again."""
    INVALID = "invalid"
    """The call can't be sent as it is."""


class DigitroError(Exception):
    """Base of all errors of this library.

    Attributes:
        text: The message of an error that is given none.
        outcome: Outcome of the call, None where the error is about no call.
        may_have_dialed: Whether a phone may have rung because of this call.
        pabx: Name of the PABX, where one was chosen.
        status: HTTP status of the answer, None where no answer began.
        reason: Code from a closed set, fit for a metric's label.
        attempts: Number of POSTs that were begun for this call.
        detail: Text that the PABX wrote with its answer, masked because the text may
            repeat a phone number. ``detail.reveal()`` opens it; pickling drops it.
    """

    # Not taken from the docstrings, which ``python -OO`` leaves out.
    text: ClassVar[str] = "Something failed."
    outcome: ClassVar[Outcome | None] = None
    may_have_dialed: ClassVar[bool] = False

    def __init__(
        self,
        message: str | None = None,
        *,
        pabx: str | None = None,
        status: int | None = None,
        reason: str = "",
        attempts: int = 0,
        detail: Personal | None = None,
    ) -> None:
        super().__init__(message or self.text)
        self.pabx = pabx
        self.status = status
        self.reason = reason
        self.attempts = attempts
        self.detail = detail

    def __str__(self) -> str:
        facts = [
            f"{name}={value}"
            for name, value in (
                ("pabx", self.pabx),
                ("status", self.status),
                ("reason", self.reason),
            )
            if value
        ]
        text = str(self.args[0])
        return f"{text} [{' '.join(facts)}]" if facts else text

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "detail": None}

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), self.args, self.__getstate__())


class ConfigurationError(DigitroError, ValueError):
    """A setting can't be used."""

    text: ClassVar[str] = "A setting can't be used."


class WrongLoopError(ConfigurationError):
    """The client belongs to another event loop; make one client for each loop."""

    text: ClassVar[str] = (
        "The client belongs to another event loop; make one client for each loop."
    )


class ClientClosedError(ConfigurationError):
    """The client was closed and can't be used again; make a new one."""

    text: ClassVar[str] = (
        "The client was closed and can't be used again; make a new one."
    )


class InvalidCallError(DigitroError, ValueError):
    """The call can't be sent as it is."""

    text: ClassVar[str] = "The call can't be sent as it is."
    outcome: ClassVar[Outcome | None] = Outcome.INVALID


class NotSentError(DigitroError):
    """Nothing left this process; the call may be sent again."""

    text: ClassVar[str] = "Nothing left this process; the call may be sent again."
    outcome: ClassVar[Outcome | None] = Outcome.NOT_SENT


class ConnectFailedError(NotSentError):
    """No connection to the PABX could be made.

    Attributes:
        address: Host and port that were asked for, None where they are not known.
        tried: The IP addresses that were tried last, in order.
        errno: The system's number of the error, None where it gave none.
        system_message: Words of the system, of OpenSSL and of the certificate, if any.
    """

    text: ClassVar[str] = "No connection to the PABX could be made."
    address: str | None = None
    tried: tuple[str, ...] = ()
    errno: int | None = None
    system_message: str = ""


class PoolTimeoutError(NotSentError):
    """No pooled connection became free in time."""

    text: ClassVar[str] = "No pooled connection became free in time."


class RateWaitTimeoutError(NotSentError):
    """No rate slot became free in the time the caller allowed."""

    text: ClassVar[str] = "No rate slot became free in the time the caller allowed."


class PABXPausedError(NotSentError):
    """The PABX is paused.

    Attributes:
        retry_after: Seconds until the library sends a probe by itself, or None where
            somebody must call ``resume``. While a probe is on the wire: seconds until
            the next probe, in case this one fails.
    """

    text: ClassVar[str] = "The PABX is paused."
    retry_after: float | None = None


class DrainedError(NotSentError):
    """The client was told to stop before this call's turn came."""

    text: ClassVar[str] = "The client was told to stop before this call's turn came."


class GateRefusedError(NotSentError):
    """A gate forbade the call before it was sent."""

    text: ClassVar[str] = "A gate forbade the call before it was sent."


class RejectedError(DigitroError):
    """The PABX refused this call; sending it again would not help."""

    text: ClassVar[str] = "The PABX refused this call; sending it again would not help."
    outcome: ClassVar[Outcome | None] = Outcome.REJECTED


class RefusedError(DigitroError):
    """The PABX refused for a reason that is not this call's fault."""

    text: ClassVar[str] = "The PABX refused for a reason that is not this call's fault."
    outcome: ClassVar[Outcome | None] = Outcome.REFUSED


class AuthenticationError(RefusedError):
    """The PABX did not take the api key."""

    text: ClassVar[str] = "The PABX did not take the api key."


class PermissionDeniedError(RefusedError):
    """The api key may not do this."""

    text: ClassVar[str] = "The api key may not do this."


class ChannelNotFoundError(RefusedError):
    """The PABX does not know the channel or the path."""

    text: ClassVar[str] = "The PABX does not know the channel or the path."


class ThrottledError(RefusedError):
    """The PABX asked for fewer calls.

    Attributes:
        retry_after: Seconds that the PABX asked to wait, a day at most, or None if the
            PABX asked for none.
    """

    text: ClassVar[str] = "The PABX asked for fewer calls."
    retry_after: float | None = None


class SourceError(DigitroError, RuntimeError):
    """The source of the calls broke off; what else it held was not read."""

    text: ClassVar[str] = (
        "The source of the calls broke off; what else it held was not read."
    )


class OutcomeUnknownError(DigitroError):
    """The call may have been placed; it must not be sent again blindly."""

    text: ClassVar[str] = (
        "The call may have been placed; it must not be sent again blindly."
    )
    outcome: ClassVar[Outcome | None] = Outcome.UNKNOWN
    may_have_dialed: ClassVar[bool] = True


class AnswerTimeoutError(OutcomeUnknownError):
    """No whole answer came in time."""

    text: ClassVar[str] = "No whole answer came in time."


class ConnectionLostError(OutcomeUnknownError):
    """The connection was lost after the request began to leave."""

    text: ClassVar[str] = "The connection was lost after the request began to leave."


class ServerFaultError(OutcomeUnknownError):
    """The PABX, or a hop before it, failed while it had the request."""

    text: ClassVar[str] = (
        "The PABX, or a hop before it, failed while it had the request."
    )


class UnreadableAnswerError(OutcomeUnknownError):
    """The answer breaks the documented contract."""

    text: ClassVar[str] = "The answer breaks the documented contract."


class UnexpectedRedirectError(OutcomeUnknownError):
    """The PABX answered with a redirect, which is never followed."""

    text: ClassVar[str] = "The PABX answered with a redirect, which is never followed."


class EngineError(DigitroError):
    """The engine that moves slices to workers can't be reached, or did not answer."""

    text: ClassVar[str] = (
        "The engine that moves slices to workers can't be reached, or did not answer."
    )


class LedgerError(DigitroError):
    """The record of a campaign can't be read or written."""

    text: ClassVar[str] = "The record of a campaign can't be read or written."


class IllegalTransitionError(LedgerError):
    """The contact's state forbids that step."""

    text: ClassVar[str] = "The contact's state forbids that step."


class ClaimLostError(LedgerError):
    """The contact is no longer this runner's."""

    text: ClassVar[str] = "The contact is no longer this runner's."


class SchemaMismatchError(LedgerError):
    """The ledger was made by another version of this library."""

    text: ClassVar[str] = "The ledger was made by another version of this library."


class LedgerInUseError(LedgerError):
    """Another process owns the ledger."""

    text: ClassVar[str] = "Another process owns the ledger."
