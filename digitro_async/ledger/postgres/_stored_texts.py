"""PURE: how texts with NUL, which PostgreSQL holds none of, stand in a database."""

from typing import Final

from digitro_async.ledger._records import storable

__all__ = ["original_or_none", "original_text", "stored_text"]

_MARK: Final = "\ue000"
"""A sign for private use: whatever text has it is told from one that had NUL."""


def stored_text(text: str) -> str:
    """Return a text as it stands in the database; no two are one there."""
    if "\x00" in text or _MARK in text:
        text = text.replace(_MARK, f"{_MARK}1").replace("\x00", f"{_MARK}0")
    return storable(text)


def original_text(text: str) -> str:
    """Return the text that stands so in the database."""
    if _MARK in text:
        return text.replace(f"{_MARK}0", "\x00").replace(f"{_MARK}1", _MARK)
    return text


def original_or_none(text: str | None) -> str | None:
    """Return the same of a text that may be missing."""
    return None if text is None else original_text(text)
