"""Loads the rules that a command is given, and says what is wrong with block lists."""

import datetime as dt
import time
from pathlib import Path

from digitro_async.cli._output import print_error
from digitro_async.config import load_rules
from digitro_async.errors import ConfigurationError
from digitro_async.rules import CallingRules

__all__ = ["moment_of", "rules_of"]

_MOST_ROWS = 10


def rules_of(path: Path) -> CallingRules:
    """Return the rules of a file; rows of block lists that can't be used are told.

    Raises:
        ConfigurationError: If the rules can't be used.
    """
    rules, readings = load_rules(path)
    for reading in readings:
        for bad in reading.bad_rows[:_MOST_ROWS]:
            print_error(str(bad))
        left = reading.bad_count - _MOST_ROWS
        if left > 0:
            print_error(f"{reading.file}: {left:,} more rows can't be used")
    return rules


def moment_of(text: str | None, *, option: str = "--at") -> float:
    """Return the Unix time that an option says; now without one.

    Args:
        text: Such as ``2026-12-01T09:00-03:00``.
        option: The option, for the error.

    Raises:
        ConfigurationError: If it is no time, or does not say of which zone.
    """
    if text is None:
        return time.time()
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"{option} must be a time with its zone, such as 2026-12-01T09:00-03:00"
        )
    return moment.timestamp()
