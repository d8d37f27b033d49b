"""PURE: which contact the words of a command name."""

import re

from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal

__all__ = ["contact_named"]

_WHOLE_NUMBER = re.compile(r"[1-9]\d{0,18}", re.ASCII)


def contact_named(
    contact: str | None, own_id: str | None, number: str | None
) -> str | int | Personal:
    """Return the contact that is named once: by id or number, or surely by one of them.

    Raises:
        ConfigurationError: If none is named, or more than one.
    """
    if sum(one is not None for one in (contact, own_id, number)) != 1:
        raise ConfigurationError("name the contact once: CONTACT, --id or --number")
    if number is not None:
        digits = number.removeprefix("#")
        if not _WHOLE_NUMBER.fullmatch(digits):
            raise ConfigurationError("--number must be a whole number above 0")
        return int(digits)
    return (contact if own_id is None else Personal(own_id)) or ""
