"""Each reason of a call has words."""

import pytest
from reason_codes import CALL_REASONS

from digitro_async._common.reason_words import REASON_WORDS, UNSENT, words_of
from digitro_async._common.reasons import REFUSED_STATUSES, Failure


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_words(failure: Failure) -> None:
    """What kept an answer from coming is told in words."""
    assert failure in REASON_WORDS


def test_every_reason_of_a_call_has_words() -> None:
    """Each code that the package can give a call is told in words."""
    coded = set(CALL_REASONS) - {"failed"}  # that is a ledger's

    assert {"no_call_id", "server_fault", "throttled", "status_401"} <= coded
    assert [one for one in sorted(coded) if words_of(one).startswith("ended")] == []


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [
        ("server_fault", 503, "answered 503"),
        ("server_fault", None, "answered with a server fault"),
        ("undocumented_status", 999, "answered 999"),
        ("timeout", 200, "got no whole answer in time"),
        ("status_401", 401, "answered 401: the api key is not taken"),
        ("status_422", None, "answered 422"),
        ("connect_failed", None, "could not be sent: no connection"),
        ("somebody's own", None, "ended with somebody's own"),
        ("", None, "failed"),
    ],
)
def test_words(reason: str, status: int | None, words: str) -> None:
    """A status is named where it is known."""
    assert words_of(reason, status) == words


@pytest.mark.parametrize("status", sorted(REFUSED_STATUSES))
def test_statuses_are_named(status: int) -> None:
    """Each status that refuses a call is in its words."""
    assert words_of(f"status_{status}").startswith(f"answered {status}")


def test_words_follow_a_number() -> None:
    """All words are in the past and fit one call and several, and none is empty."""
    verbs = ("answered", "could not be", "got", "lost", "met", "named", "put back,")

    for words in REASON_WORDS.values():
        assert words.startswith((UNSENT, *(f"{verb} " for verb in verbs)))


def test_recalls() -> None:
    """A contact that is called again is told by what its last call ended with."""
    assert words_of("recall_no_answer") == "ended with no answer, to be called again"
