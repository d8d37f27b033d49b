"""The signature of a webhook, by the conventions of Standard Webhooks.

Signed is the id, the time and the body, so that none of them can be changed, and what
was sent long ago can't be sent once more. See github.com/standard-webhooks.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Secret
from digitro_async.webhook_settings import signing_key

__all__ = [
    "ID_HEADER",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "WebhookRefusedError",
    "new_webhook_secret",
    "signed_headers",
    "verify_webhook",
]

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

_VERSION: Final = "v1"
_BYTES: Final = 32
_LONGEST_NUMBER: Final = 15


class WebhookRefusedError(Exception):
    """The request was not signed with the secret, or it came too late.

    Attributes:
        reason: Why, as a code: ``no_signature``, ``bad_signature``, ``bad_timestamp``,
            ``too_old``, ``too_new`` or ``bad_body``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"a webhook is refused: {reason}")
        self.reason = reason


def new_webhook_secret() -> Secret:
    """Return a new secret to sign with, for both sides."""
    return Secret(f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}")


def signed_headers(
    secret: Secret, message: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """Return the headers of a POST that sends a body.

    Args:
        secret: The secret.
        message: Id of the message; the same when it is sent again.
        timestamp: Unix time of this try.
        body: The body.
    """
    return {
        ID_HEADER: message,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: f"{_VERSION},{_signature(secret, message, timestamp, body)}",
    }


def verify_webhook(
    secret: str | Secret,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = 300.0,
    now: float | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Return the results of a webhook that came, for receivers in Python.

    A result may come more than once; its ``result_id`` tells that.

    Example::

        for result in verify_webhook(secret, request.headers, await request.read()):
            if await is_new(result["result_id"]):
                await take(result)

    Args:
        secret: The secret that the sender has.
        headers: The headers of the request; upper and lower case are the same.
        body: Its body, as it came.
        tolerance: Seconds by which the clocks of both sides may differ, with the way.
        now: Unix time; by default that of this machine.

    Raises:
        ConfigurationError: If the secret is none.
        WebhookRefusedError: If it is not from the sender, or came too late.
    """
    key = secret if isinstance(secret, Secret) else Secret(secret)
    del secret  # tools show the locals of an error's frames
    if signing_key(key) is None:
        raise ConfigurationError(
            "the secret of a webhook is whsec_ and base64 of 24 to 64 bytes"
        )
    given = {name.lower(): value for name, value in headers.items()}
    message, signature = given.get(ID_HEADER, ""), given.get(SIGNATURE_HEADER, "")
    if not message or not signature:
        raise WebhookRefusedError("no_signature")
    text = given.get(TIMESTAMP_HEADER, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        raise WebhookRefusedError("bad_timestamp")
    timestamp = int(text)
    if not _is_signed(signature, _signature(key, message, timestamp, body)):
        raise WebhookRefusedError("bad_signature")
    late = (time.time() if now is None else now) - timestamp
    if abs(late) > tolerance:
        raise WebhookRefusedError("too_old" if late > 0 else "too_new")
    return _results_in(body)


def _results_in(body: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        results = json.loads(body)["data"]["results"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise WebhookRefusedError("bad_body") from None
    if isinstance(results, list):
        return results
    raise WebhookRefusedError("bad_body")


def _is_signed(given: str, right: str) -> bool:
    """Whether one of several signatures is right: a secret may be about to change."""
    return any(
        version == _VERSION and hmac.compare_digest(value.encode(), right.encode())
        for version, _, value in (one.partition(",") for one in given.split())
    )


def _signature(secret: Secret, message: str, timestamp: int, body: bytes) -> str:
    signed = b"%b.%d.%b" % (message.encode("utf-8", "replace"), timestamp, body)
    key = signing_key(secret) or b""
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return binascii.b2a_base64(digest, newline=False).decode()
