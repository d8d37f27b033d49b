"""The sets of reasons, each written out: a change of one is a decision about calls."""

import pytest

from digitro_async._common.reasons import (
    OWN_FAULTS,
    PABX_REASONS,
    REFUSED_STATUSES,
    Failure,
    is_answer,
)
from digitro_async.errors import Outcome

REFUSED = {401, 403, 404, 405, 406, 407, 411, 415, 417, 421, 426, 431}
ANSWERS = {
    *("redirect", "server_fault", "undocumented_status", "undocumented_success"),
    *("truncated_answer", "oversized_answer"),
    *("deep_answer", "no_call_id", "not_an_object", "not_json", "repeated_key"),
    *("empty_answer", "html_answer", "not_text"),
}
NO_ANSWERS = {"timeout", "connection_lost", "malformed_answer", "repeated_call_id"}


def test_faults_of_this_machine() -> None:
    """Five failures say nothing about the PABX."""
    assert {
        *("too_many_open_files", "out_of_memory", "no_local_port"),
        *("out_of_threads", "blocked_on_this_machine"),
    } == OWN_FAULTS


def test_refused_statuses() -> None:
    """These statuses, and no others, refuse for the key, the channel or the set-up."""
    assert REFUSED_STATUSES == REFUSED


def test_reasons_that_are_not_the_contacts() -> None:
    """All but an unexpected error is the fault of PABX, way or caller."""
    assert {
        *(str(one) for one in Failure if one is not Failure.UNEXPECTED),
        *(f"status_{status}" for status in REFUSED),
        "throttled",
    } == PABX_REASONS


@pytest.mark.parametrize("reason", sorted(ANSWERS | NO_ANSWERS))
def test_unknown_calls_that_were_read(reason: str) -> None:
    """Only a PABX that has read a call answers it with one of these reasons."""
    assert is_answer(Outcome.UNKNOWN, reason) is (reason in ANSWERS)


@pytest.mark.parametrize("outcome", Outcome)
def test_outcomes_that_are_answers(outcome: Outcome) -> None:
    """An accepted, rejected or refused call was read, whatever its reason is."""
    answered = {Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REFUSED}

    assert is_answer(outcome, "") is (outcome in answered)
