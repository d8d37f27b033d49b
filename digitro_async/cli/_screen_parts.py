"""PURE: the pieces of which the lines of a screen are made."""

from typing import NamedTuple

__all__ = ["GOOD", "Line", "Span", "bar", "percent"]

GOOD = "green"


class Span(NamedTuple):
    """A piece of a line.

    Attributes:
        text: The text.
        style: The name of a colour or attribute; empty for none.
    """

    text: str
    style: str = ""


Line = list[Span]
"""The pieces of one line, from left to right."""


def percent(share: float) -> str:
    """Return a share in percent; 100.0 % where nothing is left, and nowhere else."""
    return f"{min(share, 0.999) if share < 1 else share:.1%}".replace("%", " %")


def bar(share: float, counted: str, width: int, *, ascii_only: bool) -> Line:
    """Return a bar with the figures that it shows; these alone where it is narrow.

    Args:
        share: The share that is done.
        counted: The figures.
        width: Columns of the terminal.
        ascii_only: Whether the terminal shows ASCII alone.
    """
    columns = min(width, 100) - len(counted) - 2
    if columns < 4:  # noqa: PLR2004 - a shorter one says nothing
        return [Span(counted[:width], "bold")]
    full = int(columns * share)
    on, off = ("#", "-") if ascii_only else ("\u2501", "\u2500")
    return [
        Span(on * full, GOOD),
        Span(off * (columns - full)),
        Span("  "),
        Span(counted, "bold"),
    ]
