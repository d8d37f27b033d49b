"""PURE: texts as people are shown them."""

import datetime as dt
import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean", "iso_time", "printable"]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint to append to an error, or an empty text."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def iso_time(unix_time: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, to the millisecond."""
    moment = dt.datetime.fromtimestamp(unix_time, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def printable(text: str) -> str:
    """Return text that steers no terminal: the rest of it stands as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
