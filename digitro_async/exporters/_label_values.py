"""PURE: the values that labels may have: each set is closed, so that series are few."""

import re
from typing import Final

from digitro_async._common.reasons import OTHER, Failure

__all__ = ["KNOWN_REASONS", "NO_PABX", "OTHER", "label_of_reason"]

NO_PABX: Final = "none"
"""Stands for the PABX of a call for which none was chosen."""

KNOWN_REASONS: Final = frozenset(
    {
        *map(str, Failure),
        # An answer that breaks the contract, or whose outcome is in doubt.
        *("answer_before_request", "doubtful_answer", "redirect", "rejected_in_answer"),
        *("server_fault", "undocumented_status", "undocumented_success"),
        *("deep_answer", "empty_answer", "html_answer", "no_call_id", "not_an_object"),
        *("not_json", "not_text", "oversized_call_id", "repeated_call_id"),
        *("repeated_key", "unexpected_answer"),
        # Nothing was sent.
        *("claim_lost", "damaged_fields", "deadline", "drained", "invalid_field"),
        *("ledger_failed", "no_channel", "no_such_command", "not_a_call"),
        *("rate_wait_timeout", "throttled", "unknown_pabx", "withdrawn"),
        # A rule forbids the call, now or for good.
        *("attempt_cap", "blocked", "callback", "no_hours", "not_before"),
        *(
            "number_in_use",
            "originating_cap",
            "outside_hours",
            "short_calls",
            "spacing",
        ),
        # Pauses, and the ends of runs.
        *("not_sent_run", "operator", "ordered", "rejected_run", "unknown_budget"),
        *("unknown_run", "done", "stopped"),
    }
)
"""Every reason that a label may have, beside those of a status."""

_STATUS: Final = re.compile(r"status_[1-5][0-9]{2}")


def label_of_reason(reason: str) -> str:
    """Return a reason as a label, ``other`` for one that is not known here."""
    if reason in KNOWN_REASONS or _STATUS.fullmatch(reason):
        return reason
    return OTHER
