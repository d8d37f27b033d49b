"""PURE: times and rates with as many digits as say something."""

__all__ = ["clock", "per_second", "seconds_text"]


def clock(seconds: float) -> str:
    """Return seconds as a clock shows them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seconds_text(seconds: float) -> str:
    """Return a latency with as many digits as say something."""
    digits = 3 if seconds < 0.01 else 2 if seconds < 1 else 1  # noqa: PLR2004
    return f"{seconds:.{digits}f} s"


def per_second(rate: float) -> str:
    """Return a rate with as many digits as say something."""
    return f"{rate:,.0f}/s" if rate == round(rate) or rate >= 100 else f"{rate:.1f}/s"  # noqa: PLR2004
