"""The signature of a webhook tells who sent it, and when."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import ConfigurationError
from digitro_async.privacy import Secret
from digitro_async.webhook import (
    WebhookRefusedError,
    new_webhook_secret,
    verify_webhook,
)
from digitro_async.webhook._webhook_signature import signed_headers
from digitro_async.webhook_settings import WebhookSettings

NOW = 1_800_000_000
KEY = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = json.dumps({"data": {"results": [{"result_id": "1"}]}}).encode()


def test_published_example() -> None:
    """The signature is that of the example which Standard Webhooks publishes."""
    headers = signed_headers(
        KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.text(), st.binary())
def test_what_is_signed_is_taken(text: str, more: bytes) -> None:
    """Results that were signed are read, whatever they hold, and not once changed."""
    body = json.dumps({"data": {"results": [{"word": text}]}}).encode()
    headers = {
        name.title(): value
        for name, value in signed_headers(KEY, "msg_1", NOW, body).items()
    }

    assert verify_webhook(KEY, headers, body, now=NOW + 60) == [{"word": text}]
    if more:
        with pytest.raises(WebhookRefusedError) as caught:
            verify_webhook(KEY, headers, body + more, now=NOW)
        assert caught.value.reason == "bad_signature"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"webhook-id": "msg_2"}, "bad_signature"),
        ({"webhook-id": ""}, "no_signature"),
        ({"webhook-signature": ""}, "no_signature"),
        ({"webhook-signature": "v1,AAAA"}, "bad_signature"),
        ({"webhook-signature": "v1"}, "bad_signature"),
        ({"webhook-signature": "v1,é"}, "bad_signature"),
        ({"webhook-timestamp": str(NOW + 1)}, "bad_signature"),
        ({"webhook-timestamp": "soon"}, "bad_timestamp"),
        ({"webhook-timestamp": "-1"}, "bad_timestamp"),
        ({"webhook-timestamp": "9" * 5000}, "bad_timestamp"),
    ],
)
def test_changed_headers(changed: dict[str, str], reason: str) -> None:
    """Whatever is changed on the way, what came is refused."""
    headers = {**signed_headers(KEY, "msg_1", NOW, BODY), **changed}
    with pytest.raises(WebhookRefusedError) as caught:
        verify_webhook(KEY, headers, BODY, now=NOW)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("late", "reason"), [(301, "too_old"), (-301, "too_new"), (300, "")]
)
def test_replay(late: int, reason: str) -> None:
    """What was sent more than five minutes ago is refused, or is from the future."""
    headers = signed_headers(KEY, "msg_1", NOW, BODY)
    try:
        verify_webhook(KEY, headers, BODY, now=NOW + late)
    except WebhookRefusedError as error:
        found = error.reason
    else:
        found = ""

    assert found == reason


def test_another_secret() -> None:
    """Who has another secret is refused; two signatures serve while one changes."""
    headers = dict(signed_headers(KEY, "msg_1", NOW, BODY))
    other = new_webhook_secret()
    with pytest.raises(WebhookRefusedError):
        verify_webhook(other, headers, BODY, now=NOW)
    second = signed_headers(other, "msg_1", NOW, BODY)["webhook-signature"]
    headers["webhook-signature"] += f" {second}"

    assert verify_webhook(other, headers, BODY, now=NOW)
    assert verify_webhook(KEY, headers, BODY, now=NOW)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data": {"results": {}}}', b"[" * 10**5]
)
def test_strange_body(body: bytes) -> None:
    """A body that is no list of results is refused, though it was signed."""
    headers = signed_headers(KEY, "msg_1", NOW, body)
    with pytest.raises(WebhookRefusedError) as caught:
        verify_webhook(KEY, headers, body, now=NOW)

    assert caught.value.reason == "bad_body"


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "whsec_é", "x", "A" * 40])
def test_no_secret(text: str) -> None:
    """Text that is no secret of a webhook is refused on both sides, and not shown."""
    with pytest.raises(ConfigurationError, match="whsec_"):
        verify_webhook(text, {}, b"")
    with pytest.raises(ConfigurationError, match=r"^secret must be whsec_"):
        WebhookSettings(url="https://crm.example", secret=text)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://crm.example/x", "must begin with https://"),
        ("http://10.0.0.1/x", "must begin with https://"),
        ("ftp://crm.example", "must begin with http"),
        ("https://user:word@crm.example", "may hold only"),
        ("https://crm.example/#x", "holds a character"),
        ("https://crm.example/a b", "holds a character"),
        ("https://crm.example:99999", "has no valid host or port"),
        ("https://[::1", "has no valid host"),
        ("crm", "may hold only|must begin"),
    ],
)
def test_bad_url(url: str, problem: str) -> None:
    """A URL to which results can't be sent safely is refused, and not shown."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        WebhookSettings(url=url, secret=KEY)

    assert str(caught.value).startswith("url ")
    assert "crm.example" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://crm.example/a?b=%20c&d", "http://127.0.0.1:8080/x", "http://localhost/x"],
)
def test_good_url(url: str) -> None:
    """Https is taken, and http on this machine or where it is asked for."""
    assert WebhookSettings(url=url, secret=KEY).url.reveal() == url
    asked = WebhookSettings(url="http://crm.example", secret=KEY, allow_http=True)
    assert asked.url.reveal() == "http://crm.example"


@pytest.mark.parametrize("batch", [0, -1, 1001, True, 1.5, "7"])
def test_bad_batch(batch: object) -> None:
    """A batch holds 1 to 1,000 results."""
    with pytest.raises(ConfigurationError, match=r"^batch must be"):
        WebhookSettings(url="https://x.example", secret=KEY, batch=batch)  # type: ignore[arg-type]  # on purpose
