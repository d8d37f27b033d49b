import pytest
from helpers import PREDICTIVE_CALL

from digitro_async.errors import Outcome
from digitro_async.protocol import Classification, Observation, classify


def classified(text: str) -> Classification:
    """Return the classification of a 400 with such a body."""
    observation = Observation(request_started=True, status=400, body=text.encode())
    return classify(observation, PREDICTIVE_CALL).classification


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("The plain HTTP request was sent to HTTPS port", "tls_expected"),
        ("You're speaking plain HTTP to an SSL-enabled server port", "tls_expected"),
        ("Client sent an HTTP request to an HTTPS server.", "tls_expected"),
        ("This combination of host and port requires TLS.", "tls_expected"),
        ("No required SSL certificate was sent", "client_certificate_required"),
    ],
)
def test_what_servers_of_tls_say(words: str, reason: str) -> None:
    """A 400 of a server's TLS is told by its words, wherever they stand."""
    found = classified(f"<html>{words}</html>")

    assert (found.outcome, found.reason) == (Outcome.REFUSED, reason)
    assert found.needs_operator


def test_other_400_is_the_calls_own() -> None:
    """Another 400 rejects the call."""
    assert classified("the destination is too long").outcome is Outcome.REJECTED
