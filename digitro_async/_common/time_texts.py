"""PURE: reads times such as ``15m`` and ``2h``, as configuration files write them."""

import re
from typing import Final

from digitro_async._common.validators import LONGEST_SECONDS, is_seconds
from digitro_async.errors import ConfigurationError

__all__ = ["seconds_of"]

_TIME: Final = re.compile(r"(\d{1,10})\s*(s|m|h|d)", re.ASCII)
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds_of(value: object) -> float:
    """Return the seconds of a time such as ``15m``, or of a plain number.

    Raises:
        ConfigurationError: If it is no time.
    """
    if isinstance(value, int | float) and is_seconds(value):
        return float(value)
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        seconds = int(found[1]) * _UNITS[found[2]]
        if seconds <= LONGEST_SECONDS:
            return seconds
    raise ConfigurationError(
        'must be a time such as "90s", "15m", "24h" or "2d", or a number of seconds'
    )
