"""PURE: turns values into texts for people."""

import datetime as dt
import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean", "iso_time", "one_of", "printable", "words_of_os_error"]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at a known name like this one, or an empty text."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def one_of(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name like this one, and at all that are known."""
    names = list(known)
    return f"{did_you_mean(name, names)} (valid: {', '.join(names)})"


def iso_time(unix_time: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, to the millisecond."""
    moment = dt.datetime.fromtimestamp(unix_time, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def printable(text: str) -> str:
    """Return a text with escapes in place of its unprintable characters."""
    # Such characters could steer a terminal.
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def words_of_os_error(error: OSError) -> str:
    """Return an error of the system in its words, without the name of any file."""
    return error.strerror or type(error).__name__
