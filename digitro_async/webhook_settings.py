"""WebhookSettings: where results are sent as they come, and how they are signed."""

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from digitro_async._common.base_url import address_of, check_base_url
from digitro_async._common.validators import (
    positive_seconds,
    quiet_init,
    secret,
    yes_or_no,
)
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Secret

__all__ = ["WebhookSettings", "signing_key"]

_PREFIX: Final = "whsec_"
_FEWEST_BYTES: Final = 24
_MOST_BYTES: Final = 64
_MOST_RESULTS: Final = 1_000
_LOOPBACK: Final = "127.0.0.1:"
_REST: Final = re.compile(r"[A-Za-z0-9\-._~:/@!$&'()*+,;=%?]*", re.ASCII)


def signing_key(text: Secret) -> bytes | None:
    """Return the bytes with which is signed, None where the text means none.

    Args:
        text: ``whsec_`` and base64 of 24 to 64 bytes, as Standard Webhooks has it.
    """
    given = text.reveal()
    if not given.startswith(_PREFIX):
        return None
    try:
        key = base64.b64decode(given.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if _FEWEST_BYTES <= len(key) <= _MOST_BYTES else None


def _problem_of_url(url: str) -> str | None:
    """Return why results can't be sent to a URL, None where they can."""
    problem: str | None = None
    try:
        parts = urlsplit(url)
        check_base_url(f"{parts.scheme}://{parts.netloc}")
    except ConfigurationError as error:
        problem = str(error.args[0]).removeprefix("base_url ")
    except ValueError:
        problem = "has no valid host or port"
    if problem is None and not _REST.fullmatch(url.partition("://")[2]):
        problem = "holds a character that no URL has, or a fragment"
    return problem


def _is_safe(url: str) -> bool:
    """Whether what is sent to a URL can't be read on the way."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    return address_of(f"http://{parts.netloc.lower()}").startswith(_LOOPBACK)


def _check_url(settings: Any, field: Any, value: Any) -> None:
    problem = "must be text" if not isinstance(value, Secret) else None
    if problem is None:
        problem = _problem_of_url(value.reveal())
    if problem is not None:
        raise ConfigurationError(f"{field.name} {problem}")
    if not _is_safe(value.reveal()) and settings.allow_http is not True:
        raise ConfigurationError(
            f"{field.name} must begin with https://: results tell of people; "
            "allow_http = true sends them in the open"
        )


def _check_secret(_: object, field: Any, value: Any) -> None:
    if not isinstance(value, Secret) or signing_key(value) is None:
        raise ConfigurationError(
            f"{field.name} must be {_PREFIX} and base64 of {_FEWEST_BYTES} to "
            f"{_MOST_BYTES} random bytes; digitro webhook --new-secret prints one"
        )


def _check_batch(_: object, field: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        value = 0
    if not 1 <= value <= _MOST_RESULTS:
        raise ConfigurationError(
            f"{field.name} must be a whole number of 1 to {_MOST_RESULTS:,}"
        )


@quiet_init
@attrs.frozen(kw_only=True)
class WebhookSettings:
    """The receiver of results, which are sent to it as they come.

    Args:
        url: Where results are sent by POST. It is shown nowhere: it may hold a token.
        secret: What they are signed with: ``whsec_`` and base64 of 24 to 64 bytes.
        batch: Most results of one POST.
        timeout: Seconds within which the receiver must answer.
        longest_wait: Most seconds between two tries of one POST.
        finish_within: Seconds for which a run that ended goes on to send what is left.
        allow_http: Whether results may be sent in the open to another machine.

    Raises:
        ConfigurationError: If a value can't be used; the text begins with its field.
    """

    # Before the URL, which is checked by it.
    allow_http: bool = attrs.field(default=False, validator=yes_or_no)
    url: Secret = attrs.field(converter=secret, validator=_check_url)
    secret: Secret = attrs.field(converter=secret, validator=_check_secret)
    batch: int = attrs.field(default=100, validator=_check_batch)
    timeout: float = attrs.field(default=15.0, validator=positive_seconds)
    longest_wait: float = attrs.field(default=300.0, validator=positive_seconds)
    finish_within: float = attrs.field(default=30.0, validator=positive_seconds)
