"""PURE: times, shares and counts of a report in words."""

import datetime as dt

__all__ = [
    "count_text",
    "figure_text",
    "local_time",
    "name_text",
    "seconds_words",
    "share_text",
]

_WHOLE = 100
_MINUTE = 60
_DAY = 86_400


def count_text(count: int, one: str, several: str = "") -> str:
    """Return a count with what is counted: "1 call", "3 calls"."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def name_text(name: str) -> str:
    """Return the name of a state, outcome or disposition as words."""
    return name.replace("_", " ")


def share_text(share: float | None) -> str:
    """Return a share in percent; 100 % and 0 % only where it is all or nothing."""
    if share is None:
        return "-"
    if 0 < share < 1:
        share = min(max(share, 0.001), 0.999)
    return f"{share:.1%}".replace("%", " %")


def figure_text(value: float) -> str:
    """Return a figure with three digits, or with all that stand before the point."""
    # Three digits alone would make "1e+03" of a cap of 1,000.
    return f"{value:,.0f}" if round(value) >= _WHOLE else f"{value:.3g}"


def seconds_words(seconds: float) -> str:
    """Return a duration with three figures at most, and its unit."""
    if seconds < 1:
        return f"{figure_text(seconds * 1000)} ms"
    if seconds < _MINUTE:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    days, rest = divmod(whole, _DAY)
    hours, minutes = rest // 3600, rest % 3600 // _MINUTE
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % _MINUTE} s"


def local_time(at: float | None, offset: float, width: float = 1.0) -> str:
    """Return a time as it stands on clocks there, to the second or the minute.

    Args:
        at: Unix time; None for none.
        offset: Seconds that local time is ahead of UTC.
        width: Seconds that are told apart.
    """
    if at is None:
        return "-"
    try:
        moment = dt.datetime.fromtimestamp(at + offset, dt.UTC)
    except (OverflowError, OSError, ValueError):  # a damaged row
        return "-"
    if width >= _DAY:
        return f"{moment:%Y-%m-%d}"
    if width >= _MINUTE:
        return f"{moment:%Y-%m-%d %H:%M}"
    return f"{moment:%Y-%m-%d %H:%M:%S}"
