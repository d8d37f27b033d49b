"""How long a ledger keeps what it knows of persons, as ``digitro.toml`` says it."""

import re
from typing import Any, Final

import attrs

from digitro_async.errors import ConfigurationError

__all__ = ["RetentionSettings"]

_DAYS: Final = re.compile(r"[1-9]\d{0,4}d", re.ASCII)
_SECONDS_OF_A_DAY: Final = 86_400.0


def _seconds(value: Any) -> float | None:
    """Return the seconds of some days.

    No other unit and no plain number: whoever errs in one erases everybody.
    """
    if value is None:
        return None
    if isinstance(value, str) and _DAYS.fullmatch(value):
        return int(value[:-1]) * _SECONDS_OF_A_DAY
    raise ConfigurationError('forget_after must be a number of days such as "180d"')


@attrs.frozen(kw_only=True)
class RetentionSettings:
    """How long a ledger keeps what it knows of persons.

    Attributes:
        forget_after: Seconds after the last call or decision of a contact at which who
            dials forgets it, given as days (``180d``); None for never.
    """

    forget_after: float | None = attrs.field(default=None, converter=_seconds)
