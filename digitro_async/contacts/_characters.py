"""Tells apart the characters that people and programs write around numbers."""

import unicodedata
from typing import Final

__all__ = [
    "APOSTROPHES",
    "AROUND",
    "BLANKS",
    "code_points",
    "drop_invisible",
    "drop_punctuation",
    "invisible_in",
    "with_plain_signs",
    "without_text_mark",
]

BLANKS: Final = (
    " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""Blanks of every width."""

AROUND: Final = BLANKS + "\r\n\v\f\x85"
"""Blanks and line ends."""

APOSTROPHES: Final = "'\u2018\u2019\u201b\u2032\u02b9\u02bc\u00b4`\uff07"
"""Signs by which a spreadsheet, or a program between, says that a cell is text."""

_DASHES: Final = (
    "-\u02d7\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
)
_DOTS: Final = ".\u00b7\u2024\u2027\u2219\uff0e"
_OPENING: Final = "([\uff08"
_CLOSING: Final = ")]\uff09"
_SLASHES: Final = "/\u2044\u2215\uff0f"

_PLAIN: Final = str.maketrans(
    {
        other: signs[0]
        for signs in (BLANKS, _DASHES, _DOTS, _OPENING, _CLOSING, _SLASHES)
        for other in signs[1:]
    }
)
_PUNCTUATION: Final = str.maketrans(
    "", "", f"{BLANKS}{_DASHES}{_DOTS}{_OPENING}{_CLOSING}{_SLASHES}"
)

# Beside the format characters (Cf): joiners, fillers and selectors of forms.
_UNSEEN: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
)
_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))

_MOST_NAMED: Final = 3


def with_plain_signs(text: str) -> str:
    """Return a text with one kind of blank, dash, dot, parenthesis and slash."""
    return text.translate(_PLAIN)


def drop_punctuation(text: str) -> str:
    """Return a text without blanks, dashes, dots, parentheses and slashes."""
    return text.translate(_PUNCTUATION)


def invisible_in(text: str) -> list[str]:
    """Return each invisible character of a text once, in the order of the text."""
    if text.isascii():
        return []
    return list(dict.fromkeys(filter(_is_invisible, text)))


def drop_invisible(text: str) -> str:
    """Return a text without its invisible characters."""
    if text.isascii():
        return text
    return "".join(char for char in text if not _is_invisible(char))


def code_points(chars: list[str]) -> str:
    """Return the code points of characters, as ``U+200B``; of many, the first."""
    named = ", ".join(f"U+{ord(char):04X}" for char in chars[:_MOST_NAMED])
    return f"{named}, ..." if len(chars) > _MOST_NAMED else named


def without_text_mark(text: str) -> str:
    """Return the text that a spreadsheet shows, without the sign that it is text.

    The sign is an apostrophe before it or around it, or a formula as in ``="012"``.
    """
    bare = text.lstrip(APOSTROPHES)
    if bare != text:
        return bare.rstrip(APOSTROPHES)
    if text.startswith('="') and text.endswith('"'):
        return text[2:-1]
    return text


def _is_invisible(char: str) -> bool:
    return (
        unicodedata.category(char) == "Cf"
        or char in _UNSEEN
        or any(ord(char) in selectors for selectors in _SELECTORS)
    )
