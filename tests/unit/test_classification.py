from typing import Final

import pytest

from digitro_async import errors
from digitro_async.errors import DigitroError, Outcome
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    Classification,
    Evidence,
    Failure,
    Observation,
    classify_evidence,
)

Row = tuple[Outcome, type[DigitroError] | None, str, bool]

ACCEPTED, REJECTED, REFUSED = Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REFUSED
NOT_SENT, UNKNOWN = Outcome.NOT_SENT, Outcome.UNKNOWN

CALLS_FAULT = (REJECTED, errors.RejectedError)
SETUPS_FAULT = (REFUSED, errors.RefusedError)
FAULT: Row = (UNKNOWN, errors.ServerFaultError, "server_fault", False)
REDIRECT: Row = (UNKNOWN, errors.UnexpectedRedirectError, "redirect", True)
ODD: Row = (UNKNOWN, errors.UnreadableAnswerError, "undocumented_status", False)
ODD_SUCCESS: Row = (
    UNKNOWN,
    errors.UnreadableAnswerError,
    "undocumented_success",
    False,
)

# What a whole answer means: outcome, error, reason, whether somebody must look.
STATUSES: Final[dict[int, Row]] = {
    200: (ACCEPTED, None, "", False),
    400: (*CALLS_FAULT, "status_400", False),
    401: (REFUSED, errors.AuthenticationError, "status_401", True),
    402: (*CALLS_FAULT, "status_402", False),
    403: (REFUSED, errors.PermissionDeniedError, "status_403", True),
    404: (REFUSED, errors.ChannelNotFoundError, "status_404", True),
    405: (*SETUPS_FAULT, "status_405", True),
    406: (*SETUPS_FAULT, "status_406", True),
    407: (*SETUPS_FAULT, "status_407", True),
    409: (*CALLS_FAULT, "status_409", False),
    410: (*CALLS_FAULT, "status_410", False),
    411: (*SETUPS_FAULT, "status_411", True),
    413: (*CALLS_FAULT, "status_413", False),
    414: (*CALLS_FAULT, "status_414", False),
    415: (*SETUPS_FAULT, "status_415", True),
    417: (*SETUPS_FAULT, "status_417", True),
    421: (*SETUPS_FAULT, "status_421", True),
    422: (*CALLS_FAULT, "status_422", False),
    425: (REFUSED, errors.ThrottledError, "throttled", False),
    426: (*SETUPS_FAULT, "status_426", True),
    429: (REFUSED, errors.ThrottledError, "throttled", False),
    431: (*SETUPS_FAULT, "status_431", True),
    451: (*CALLS_FAULT, "status_451", False),
}
RANGES: Final[dict[range, Row]] = {
    range(100, 200): ODD,
    range(201, 300): ODD_SUCCESS,
    range(300, 400): REDIRECT,
    range(400, 500): ODD,
    range(500, 600): FAULT,
    range(600, 1000): ODD,
}
EVERY_STATUS = range(100, 1000)

# What a failure means where the flag was never raised, and where it was.
FAILURES: Final[dict[Failure, tuple[type[DigitroError], type[DigitroError]]]] = {
    # These can't come after sending, and would say nothing then.
    **dict.fromkeys(
        (
            *(Failure.CONNECT, Failure.REFUSED, Failure.RESET, Failure.DNS),
            *(Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE),
            *(Failure.DNS_UNAVAILABLE, Failure.TLS, Failure.TLS_CUT),
            *(Failure.TLS_REFUSED, Failure.TLS_VERSION, Failure.NOT_TLS),
            *(Failure.EXPIRED, Failure.NOT_YET_VALID, Failure.SELF_SIGNED),
            *(Failure.WRONG_NAME, Failure.UNTRUSTED, Failure.FINGERPRINT),
            *(Failure.OPEN_FILES, Failure.MEMORY, Failure.LOCAL_PORTS),
            *(Failure.THREADS, Failure.BLOCKED),
        ),
        (errors.ConnectFailedError, errors.OutcomeUnknownError),
    ),
    Failure.CONNECT_TIMEOUT: (errors.ConnectFailedError, errors.AnswerTimeoutError),
    Failure.POOL_TIMEOUT: (errors.PoolTimeoutError, errors.OutcomeUnknownError),
    Failure.TIMEOUT: (errors.ConnectFailedError, errors.AnswerTimeoutError),
    Failure.LOST: (errors.ConnectFailedError, errors.ConnectionLostError),
    Failure.MALFORMED: (errors.ConnectFailedError, errors.UnreadableAnswerError),
    Failure.TRUNCATED: (errors.ConnectFailedError, errors.UnreadableAnswerError),
    Failure.OVERSIZED: (errors.ConnectFailedError, errors.UnreadableAnswerError),
    Failure.INTERIM: (errors.ConnectFailedError, errors.UnreadableAnswerError),
    Failure.TLS_EXPECTED: (errors.ConnectFailedError, errors.UnreadableAnswerError),
    Failure.CLIENT_CERTIFICATE: (
        errors.ConnectFailedError,
        errors.ConnectionLostError,
    ),
    Failure.CANCELLED: (errors.NotSentError, errors.OutcomeUnknownError),
    Failure.LEASE_ENDED: (errors.NotSentError, errors.OutcomeUnknownError),
    Failure.CONFIGURATION: (errors.ConnectFailedError, errors.OutcomeUnknownError),
    Failure.UNEXPECTED: (errors.NotSentError, errors.OutcomeUnknownError),
}


def row_of(status: int) -> Row:
    """Return the table's row of a status."""
    if status in STATUSES:
        return STATUSES[status]
    (row,) = (row for statuses, row in RANGES.items() if status in statuses)
    return row


def as_row(classification: Classification) -> Row:
    """Return a classification in the form of the table."""
    return (
        classification.outcome,
        classification.error,
        classification.reason,
        classification.needs_operator,
    )


def every_observation() -> list[Observation]:
    """Every status, or none, with every failure, or none, before and after sending."""
    return [
        Observation(sending, status, failure=failure)
        for sending in (False, True)
        for status in (None, *EVERY_STATUS)
        for failure in (None, *Failure)
    ]


@pytest.mark.parametrize("status", [*STATUSES, 100, 101, 199, 201, 202, 204, 206, 299])
def test_documented_and_odd_answers(status: int) -> None:
    """A whole answer to a sent request means what the table says."""
    assert as_row(
        classify_evidence(Observation(request_started=True, status=status))
    ) == row_of(status)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_redirects(status: int) -> None:
    """A redirect is unknown, never followed, and somebody must look."""
    assert (
        as_row(classify_evidence(Observation(request_started=True, status=status)))
        == REDIRECT
    )


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 507, 511, 599])
def test_server_faults(status: int) -> None:
    """A server's failure is unknown: the call may have been placed before it."""
    assert (
        as_row(classify_evidence(Observation(request_started=True, status=status)))
        == FAULT
    )


def test_every_status() -> None:
    """All statuses from 100 to 999 mean what the table says."""
    seen = {
        status: as_row(
            classify_evidence(Observation(request_started=True, status=status))
        )
        for status in EVERY_STATUS
    }

    assert seen == {status: row_of(status) for status in EVERY_STATUS}


@pytest.mark.parametrize("status", [-1, 0, 1, 99, 1000, 2000, 20_000])
def test_impossible_statuses(status: int) -> None:
    """A number that is no status is unknown."""
    assert (
        as_row(classify_evidence(Observation(request_started=True, status=status)))
        == ODD
    )


@pytest.mark.parametrize("failure", Failure)
def test_failures_before_sending(failure: Failure) -> None:
    """Where the flag was never raised nothing left, whatever failed."""
    classification = classify_evidence(
        Observation(request_started=False, failure=failure)
    )

    assert classification == Classification(NOT_SENT, FAILURES[failure][0], failure)


@pytest.mark.parametrize("failure", Failure)
def test_failures_after_sending(failure: Failure) -> None:
    """Where the flag was raised and no answer began it is unknown, whatever failed."""
    classification = classify_evidence(
        Observation(request_started=True, failure=failure)
    )

    is_set_up = failure in {Failure.TLS_EXPECTED, Failure.CLIENT_CERTIFICATE}
    assert classification == Classification(
        UNKNOWN, FAILURES[failure][1], failure, needs_operator=is_set_up
    )


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("status", [200, 201, 299])
def test_successes_that_broke_off(status: int, failure: Failure) -> None:
    """A success that was not read to its end is unknown."""
    classification = classify_evidence(
        Observation(request_started=True, status=status, failure=failure)
    )
    error = FAILURES[failure][1]
    if error is errors.OutcomeUnknownError:
        error = errors.UnreadableAnswerError

    assert classification == Classification(UNKNOWN, error, failure)


def test_refusals_that_broke_off() -> None:
    """Any other answer is told by its status alone, read to its end or not."""
    for status in EVERY_STATUS:
        whole = classify_evidence(Observation(request_started=True, status=status))
        broken = {
            classify_evidence(
                Observation(request_started=True, status=status, failure=failure)
            )
            for failure in Failure
        }

        assert (broken == {whole}) is (status not in range(200, 300))


@pytest.mark.parametrize("failure", [None, *Failure])
@pytest.mark.parametrize("status", [200, 204, 307, 400, 401, 408, 429, 500])
def test_answers_to_what_was_never_sent(status: int, failure: Failure | None) -> None:
    """An answer without a sent request is another call's: unknown, a violation."""
    classification = classify_evidence(
        Observation(request_started=False, status=status, failure=failure)
    )

    assert classification == Classification(
        UNKNOWN,
        errors.UnreadableAnswerError,
        "answer_before_request",
        protocol_violation=True,
    )


@pytest.mark.parametrize("sending", [False, True])
def test_nothing_seen_at_all(sending: bool) -> None:
    """Neither an answer nor a failure is unknown, even before sending."""
    classification = classify_evidence(Observation(request_started=sending))

    assert classification == Classification(
        UNKNOWN, errors.OutcomeUnknownError, "unexpected_error"
    )


def test_not_sent_needs_proof() -> None:
    """It is not sent exactly where it failed, unsent, without an answer."""
    assert [
        seen
        for seen in every_observation()
        if classify_evidence(seen).outcome is NOT_SENT
    ] == [Observation(request_started=False, failure=failure) for failure in Failure]


def test_accepted_needs_a_whole_answer() -> None:
    """It is accepted exactly where a whole 200 answers a sent request."""
    assert [
        seen
        for seen in every_observation()
        if classify_evidence(seen).outcome is ACCEPTED
    ] == [Observation(request_started=True, status=200)]


def test_errors_agree_with_outcomes() -> None:
    """Every classification's error has its outcome; only an acceptance has none."""
    for seen in every_observation():
        classification = classify_evidence(seen)
        said = classification.error.outcome if classification.error else ACCEPTED

        assert said is classification.outcome
        assert bool(classification.reason) is (classification.outcome is not ACCEPTED)


def test_whoever_must_look() -> None:
    """Somebody must look at refusals of the set-up, redirects and the wrong TLS."""
    seen = {
        one.status or one.failure
        for one in every_observation()
        if one.request_started and classify_evidence(one).needs_operator
    }

    assert seen == {
        *(status for status, row in STATUSES.items() if row[3]),
        *range(300, 400),
        *(Failure.TLS_EXPECTED, Failure.CLIENT_CERTIFICATE),
    }


def test_alarms() -> None:
    """Only answers to what was never sent violate the protocol."""
    alarms = [
        seen
        for seen in every_observation()
        if classify_evidence(seen).protocol_violation
    ]

    assert alarms == [
        seen
        for seen in every_observation()
        if seen.status is not None and not seen.request_started
    ]


def test_the_body_changes_no_verdict() -> None:
    """A classification is told from evidence, status and failure alone."""
    for status in EVERY_STATUS:
        bare = Observation(request_started=True, status=status)
        full = Observation(True, status, b'{"ID_CHAMADA": "x"}', None, "120")

        assert classify_evidence(bare) == classify_evidence(full)


def test_evidence_begins_with_nothing() -> None:
    """A new attempt has neither begun to send nor waited."""
    evidence = Evidence()

    assert (evidence.request_started, evidence.waiting_for_connection) == (False, False)


def test_evidence_belongs_to_one_attempt() -> None:
    """Two attempts' evidence is never the same, however far both came."""
    assert Evidence() != Evidence()


def test_an_observation_begins_with_nothing() -> None:
    """An observation without arguments has seen nothing."""
    assert Observation(True) == Observation(True, None, b"", None, None)


def test_bodies_are_not_shown() -> None:
    """The text of a server may repeat a phone number, so no repr has it."""
    assert "04832817000" not in repr(Observation(True, 400, b"04832817000"))


def test_the_accepted_status() -> None:
    """The documented success is 200."""
    assert ACCEPTED_STATUS == 200


def test_failure_codes() -> None:
    """Failures are written as these words, which labels and files rely on."""
    assert {failure.name: failure.value for failure in Failure} == {
        "CONNECT": "connect_failed",
        "REFUSED": "connection_refused",
        "RESET": "connection_reset",
        "HOST_UNREACHABLE": "host_unreachable",
        "NETWORK_UNREACHABLE": "network_unreachable",
        "DNS": "no_such_host",
        "DNS_UNAVAILABLE": "dns_unavailable",
        "CONNECT_TIMEOUT": "connect_timeout",
        "TLS": "tls_failed",
        "TLS_CUT": "tls_handshake_cut",
        "TLS_REFUSED": "tls_handshake_refused",
        "TLS_VERSION": "tls_version",
        "NOT_TLS": "not_tls",
        "TLS_EXPECTED": "tls_expected",
        "EXPIRED": "certificate_expired",
        "NOT_YET_VALID": "certificate_not_yet_valid",
        "SELF_SIGNED": "certificate_self_signed",
        "WRONG_NAME": "certificate_wrong_name",
        "UNTRUSTED": "certificate_untrusted",
        "FINGERPRINT": "wrong_fingerprint",
        "CLIENT_CERTIFICATE": "client_certificate_required",
        "OPEN_FILES": "too_many_open_files",
        "MEMORY": "out_of_memory",
        "LOCAL_PORTS": "no_local_port",
        "THREADS": "out_of_threads",
        "BLOCKED": "blocked_on_this_machine",
        "POOL_TIMEOUT": "pool_timeout",
        "TIMEOUT": "timeout",
        "LOST": "connection_lost",
        "MALFORMED": "malformed_answer",
        "TRUNCATED": "truncated_answer",
        "OVERSIZED": "oversized_answer",
        "INTERIM": "too_many_interim_answers",
        "CANCELLED": "cancelled",
        "LEASE_ENDED": "lease_ended",
        "CONFIGURATION": "configuration",
        "UNEXPECTED": "unexpected_error",
    }
