"""PURE: what each reason of a call means, in words that follow "1 call", "3 calls"."""

from typing import Final

from digitro_async._common.reasons import Failure

__all__ = ["REASON_WORDS", "UNSENT", "words_of"]

_UNSENT: Final[dict[str, str]] = {
    Failure.CONNECT: "no connection",
    Failure.REFUSED: "connection refused",
    Failure.RESET: "connection reset",
    Failure.HOST_UNREACHABLE: "host unreachable",
    Failure.NETWORK_UNREACHABLE: "network unreachable",
    Failure.DNS: "no such host",
    Failure.DNS_UNAVAILABLE: "no answer of the name server",
    Failure.CONNECT_TIMEOUT: "no connection in time",
    Failure.TLS: "TLS failed",
    Failure.TLS_CUT: "TLS handshake cut off",
    Failure.TLS_REFUSED: "TLS handshake refused",
    Failure.TLS_VERSION: "no common version of TLS",
    Failure.NOT_TLS: "no TLS spoken",
    Failure.TLS_EXPECTED: "TLS expected",
    Failure.EXPIRED: "certificate expired",
    Failure.NOT_YET_VALID: "certificate not valid yet",
    Failure.SELF_SIGNED: "certificate signed by itself",
    Failure.WRONG_NAME: "certificate of another name",
    Failure.UNTRUSTED: "certificate not trusted",
    Failure.FINGERPRINT: "certificate with another fingerprint",
    Failure.CLIENT_CERTIFICATE: "client certificate asked for",
    Failure.OPEN_FILES: "too many open files on this machine",
    Failure.MEMORY: "no memory left on this machine",
    Failure.LOCAL_PORTS: "no local port left on this machine",
    Failure.THREADS: "no thread left on this machine",
    Failure.BLOCKED: "blocked on this machine",
    Failure.POOL_TIMEOUT: "no free connection in time",
    Failure.LEASE_ENDED: "this worker had lost touch with its database",
}

UNSENT: Final = "could not be sent: "
"""Begins the words of every reason for which nothing left."""

REASON_WORDS: Final[dict[str, str]] = {
    **{reason: UNSENT + words for reason, words in _UNSENT.items()},
    # No whole answer came.
    Failure.TIMEOUT: "got no whole answer in time",
    Failure.LOST: "lost the connection before an answer",
    Failure.MALFORMED: "got an answer that is no HTTP",
    Failure.TRUNCATED: "got an answer that was cut off",
    Failure.OVERSIZED: "got an answer that is too large",
    Failure.INTERIM: "got too many interim answers",
    Failure.CANCELLED: "got no answer before the caller gave up",
    Failure.CONFIGURATION: "met settings that can't be used",
    Failure.UNEXPECTED: "met an unexpected error",
    # A status came.
    "server_fault": "answered with a server fault",
    "redirect": "answered with a redirect",
    "undocumented_status": "answered with an undocumented status",
    "undocumented_success": "answered with an undocumented success",
    "throttled": "answered with a throttle",
    "answer_before_request": "got an answer before being sent",
    # A 200 came, and its body is no answer.
    "deep_answer": "got an answer that is nested too deep",
    "no_call_id": "got an answer without a call id",
    "oversized_call_id": "got a call id that is too long",
    "not_an_object": "got an answer that is no JSON object",
    "empty_answer": "got an empty answer",
    "html_answer": "got a page of HTML, not an answer",
    "not_json": "got an answer that is no JSON",
    "not_text": "got an answer that is no text",
    "repeated_key": "got an answer with a key twice",
    "repeated_call_id": "got a call id that was given before",
    "doubtful_answer": "got an answer that may be another call's",
    "unexpected_answer": "got an answer that the settings give no meaning",
    "rejected_in_answer": "got an answer that says no",
    "no_such_command": "answered that there is no such command, or no such channel",
    # No attempt was made, or it was the last step.
    "rate_wait_timeout": "got no turn in the time allowed",
    "deadline": "got no turn before the deadline",
    "drained": "put back, as the run was stopped",
    "ledger_failed": "put back, as the ledger failed",
    "withdrawn": "met a withdrawal of the contact",
    "claim_lost": "lost the contact to another run",
    "invalid_field": "met a field that can't be sent",
    "damaged_fields": "met damaged fields",
    "not_a_call": "could not be read as a call",
    "unknown_pabx": "named a PABX that is not configured",
    "no_channel": "met a PABX without a channel id",
    # A rule of calling did not let it through.
    "blocked": "met a number on a block list",
    "outside_hours": "met closed calling hours",
    "no_hours": "met calling hours that are never open together",
    "spacing": "met a spacing after the attempt before",
    "attempt_cap": "met a cap of attempts",
    "not_before": "met a time that had not come",
    "originating_cap": "met the cap of every originating number",
    "short_calls": "met too many short calls",
    "number_in_use": "met a number that was being called already",
    "callback": "met a callback that was not due",
    "callback_missed": "met a callback that was missed",
}
"""Reasons that have words of their own; ``words_of`` knows those with a status too."""

_RECALL: Final = "recall_"
"""Begins the reason of a contact that a rule of recalls lets be called again."""

_STATUS_WORDS: Final[dict[str, str]] = {
    "status_400": "answered 400: rejected",
    "status_401": "answered 401: the api key is not taken",
    "status_403": "answered 403: the api key may not do this",
    "status_404": "answered 404: the channel is not known",
}


def words_of(reason: str, status: int | None = None) -> str:
    """Return what a reason means, in words that follow "3 calls".

    Args:
        reason: The reason.
        status: HTTP status of the answer, None where none came or nobody kept it.
    """
    if status is not None and reason in {"server_fault", "undocumented_status"}:
        return f"answered {status}"
    if reason in _STATUS_WORDS:
        return _STATUS_WORDS[reason]
    if reason.startswith(_RECALL):
        end = reason.removeprefix(_RECALL).replace("_", " ")
        return f"ended with {end}, to be called again"
    if reason.startswith("status_"):
        return f"answered {reason.removeprefix('status_')}"
    return REASON_WORDS.get(reason) or (f"ended with {reason}" if reason else "failed")
