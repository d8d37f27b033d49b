"""PURE: reasons of attempts, and what they alone tell.

They stand here and not in the protocol because a ledger keeps them: whoever only counts
its rows need not load the codec.
"""

import enum
from typing import Final

from digitro_async.errors import Outcome

__all__ = ["PABX_REASONS", "REFUSED_STATUSES", "Failure", "is_answer"]


class Failure(enum.StrEnum):
    """Why an attempt brought no whole answer: a closed set, fit for labels."""

    CONNECT = "connect_failed"
    DNS = "no_such_host"
    TLS = "tls_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    POOL_TIMEOUT = "pool_timeout"
    TIMEOUT = "timeout"
    LOST = "connection_lost"
    MALFORMED = "malformed_answer"
    TRUNCATED = "truncated_answer"
    OVERSIZED = "oversized_answer"
    INTERIM = "too_many_interim_answers"
    CANCELLED = "cancelled"
    CONFIGURATION = "configuration"
    UNEXPECTED = "unexpected_error"


_ANSWERS: Final = frozenset(
    {
        # A status was read, and all of the answer that is wanted of it.
        *("redirect", "server_fault", "undocumented_status", "undocumented_success"),
        Failure.TRUNCATED,
        Failure.OVERSIZED,
        # A body was read and is not what it must be: see the codec.
        *("deep_answer", "no_call_id", "not_an_object", "not_json", "repeated_key"),
        "not_text",
    }
)
"""Reasons of an unknown call that nobody but a PABX that has read the call can cause.

Of all others an answer is not sure: none came (timeout, connection_lost), only a part
may have come (timeout, malformed_answer), or it belongs to another call
(repeated_call_id, answer_before_request).
"""

_ANSWERED: Final = frozenset({Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REFUSED})

REFUSED_STATUSES: Final = frozenset(
    {401, 403, 404, 405, 406, 407, 411, 415, 417, 421, 426, 431}
)
"""The key, the channel or the set-up: not this call's fault, and true for the next."""

PABX_REASONS: Final = frozenset(
    {
        *(str(failure) for failure in Failure if failure is not Failure.UNEXPECTED),
        *(f"status_{status}" for status in REFUSED_STATUSES),
        "throttled",
    }
)
"""Reasons for which a call was not placed and that say nothing about the call itself:
the PABX, the way to it or whoever asked for the call was the cause."""


def is_answer(outcome: Outcome, reason: str) -> bool:
    """Whether an attempt that ended so was answered: the PABX has read the call."""
    if outcome is Outcome.UNKNOWN:
        return reason in _ANSWERS
    return outcome in _ANSWERED
