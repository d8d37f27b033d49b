"""PURE: the reasons of attempts, and facts that follow from a reason alone.

They stand here and not in the protocol because a ledger keeps them: a program that only
counts the rows of a ledger need not load the protocol.
"""

import enum
import re
from typing import Final

from digitro_async.errors import Outcome

__all__ = [
    "OTHER",
    "OWN_FAULTS",
    "PABX_REASONS",
    "REFUSED_STATUSES",
    "Failure",
    "is_answer",
    "is_code",
    "told_reason",
]

OTHER: Final = "other"
"""Stands for a reason that is no code: a program wrote it, and may have written all."""


class Failure(enum.StrEnum):
    """Why an attempt brought no whole answer: a closed set, fit for labels."""

    # The way to the PABX.
    CONNECT = "connect_failed"
    REFUSED = "connection_refused"
    RESET = "connection_reset"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    DNS = "no_such_host"
    DNS_UNAVAILABLE = "dns_unavailable"
    CONNECT_TIMEOUT = "connect_timeout"
    # TLS.
    TLS = "tls_failed"
    TLS_CUT = "tls_handshake_cut"
    TLS_REFUSED = "tls_handshake_refused"
    TLS_VERSION = "tls_version"
    NOT_TLS = "not_tls"
    TLS_EXPECTED = "tls_expected"
    EXPIRED = "certificate_expired"
    NOT_YET_VALID = "certificate_not_yet_valid"
    SELF_SIGNED = "certificate_self_signed"
    WRONG_NAME = "certificate_wrong_name"
    UNTRUSTED = "certificate_untrusted"
    FINGERPRINT = "wrong_fingerprint"
    CLIENT_CERTIFICATE = "client_certificate_required"
    # This machine.
    OPEN_FILES = "too_many_open_files"
    MEMORY = "out_of_memory"
    LOCAL_PORTS = "no_local_port"
    THREADS = "out_of_threads"
    BLOCKED = "blocked_on_this_machine"
    # Everything else.
    POOL_TIMEOUT = "pool_timeout"
    TIMEOUT = "timeout"
    LOST = "connection_lost"
    MALFORMED = "malformed_answer"
    TRUNCATED = "truncated_answer"
    OVERSIZED = "oversized_answer"
    INTERIM = "too_many_interim_answers"
    CANCELLED = "cancelled"
    LEASE_ENDED = "lease_ended"
    CONFIGURATION = "configuration"
    UNEXPECTED = "unexpected_error"


OWN_FAULTS: Final = frozenset(
    {
        *(Failure.OPEN_FILES, Failure.MEMORY, Failure.LOCAL_PORTS),
        *(Failure.THREADS, Failure.BLOCKED),
    }
)
"""Failures of this machine, which say nothing about the PABX."""

_ANSWERS: Final = frozenset(
    {
        # A status was read, and the rest of the answer doesn't matter.
        *("redirect", "server_fault", "undocumented_status", "undocumented_success"),
        Failure.TRUNCATED,
        Failure.OVERSIZED,
        # A body was read that can't be decoded: see decode_answer.
        *("deep_answer", "no_call_id", "not_an_object", "not_json", "repeated_key"),
        *("empty_answer", "html_answer", "not_text", "unexpected_answer"),
    }
)
"""Reasons of an unknown call that only a PABX that has read the call can cause.

No other reason is sure to come from an answer: none came (timeout, connection_lost),
only a part may have come (timeout, malformed_answer), or the answer belongs to another
call (repeated_call_id, answer_before_request).
"""

_ANSWERED: Final = frozenset({Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REFUSED})

REFUSED_STATUSES: Final = frozenset(
    {401, 403, 404, 405, 406, 407, 411, 415, 417, 421, 426, 431}
)
"""Statuses where the key, the channel or the set-up is at fault, and not the call."""

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
    """Whether the outcome and reason of an attempt show that the PABX read the call."""
    if outcome is Outcome.UNKNOWN:
        return reason in _ANSWERS
    return outcome in _ANSWERED


_CODE: Final = re.compile(r"[a-z][a-z_]{0,47}(_[0-9]{1,3})?", re.ASCII)


def is_code(reason: str) -> bool:
    """Whether a reason is a code, such as those of this library are.

    A program may give any text at all: its own ledger does, or whoever withdraws a
    contact.
    """
    return _CODE.fullmatch(reason) is not None


def told_reason(reason: object) -> str:
    """Return a reason as observers and logs may be told it."""
    text = str(reason)
    return text if not text or is_code(text) else OTHER
