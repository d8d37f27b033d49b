"""The token without which nothing can be ordered on a page."""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from digitro_async._common.private_files import BeforehandError, open_own
from digitro_async._common.text import printable, words_of_os_error
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Secret

__all__ = ["is_token", "page_token"]

_BYTES: Final = 32
_FEWEST: Final = 32
_MOST: Final = 256


def page_token(path: Path | None = None) -> Secret:
    """Return a new token, or that of a file.

    Args:
        path: The file, which only its owner may use; made with a new token if it is
            not there. None for a token that nobody keeps.

    Raises:
        ConfigurationError: If the file can't be used.
    """
    if path is None:
        return Secret(secrets.token_urlsafe(_BYTES))
    try:
        return _token_in(path)
    except BeforehandError as error:
        problem = str(error)
    except OSError as error:
        problem = words_of_os_error(error)
    raise ConfigurationError(f"the token's file {printable(path.name)}: {problem}")


def is_token(given: str | None, token: Secret) -> bool:
    """Whether a text is the token; how long that takes tells nothing."""
    given_bytes = (given or "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given_bytes, token.reveal().encode())


def _token_in(path: Path) -> Secret:
    descriptor = open_own(path, os.O_RDWR)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        text = file.read(_MOST + 1).strip()
        if not text:
            text = secrets.token_urlsafe(_BYTES)
            file.seek(0)
            file.truncate()
            file.write(f"{text}\n")
        elif not (_FEWEST <= len(text) <= _MOST and text.isascii()):
            raise ConfigurationError(
                f"the token's file {printable(path.name)} must hold {_FEWEST} to "
                f"{_MOST} letters, digits and signs; delete it for a new token"
            )
    return Secret(text)
