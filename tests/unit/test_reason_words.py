"""Each reason of a call has words."""

import re

import pytest
from package_imports import MODULES

from digitro_async._common.reason_words import REASON_WORDS, UNSENT, words_of
from digitro_async._common.reasons import REFUSED_STATUSES, Failure

PROTOCOL = ("protocol._classification", "protocol._decoding", "protocol._attempt")


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_words(failure: Failure) -> None:
    """What kept an answer from coming is told in words."""
    assert failure in REASON_WORDS


def test_every_reason_of_the_protocol_has_words() -> None:
    """Each code that the protocol gives an answer is told in words."""
    source = "".join(MODULES[name].source for name in PROTOCOL)
    coded = r'(?:UnreadableBodyError\(|_unreadable\(|Error, |Answer\w*,\s+)"([a-z_]+)"'
    found = set(re.findall(coded, source))

    assert {"no_call_id", "server_fault", "throttled", "repeated_call_id"} <= found
    assert found <= set(REASON_WORDS)


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
    verbs = ("answered", "got", "lost", "met", "put", "were", "have", "are", "can't")

    for words in REASON_WORDS.values():
        assert words.startswith((UNSENT, "name ", *(f"{verb} " for verb in verbs)))
