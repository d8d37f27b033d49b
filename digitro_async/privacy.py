"""Wrappers that keep secrets and personal data out of logs.

A :class:`Secret` or :class:`Personal` shows a mask wherever Python turns values
into text, and refuses to be pickled. ``reveal()`` returns the text itself.

The sources of the choice: OWASP Logging Cheat Sheet ("Data to exclude") and, for phone
numbers, tax numbers and names, Brazil's LGPD (Lei 13.709/2018, art. 5 and 6).
"""

import hmac
from typing import Never, Self

__all__ = ["MASK", "Masked", "Personal", "Secret"]

MASK = "***"


class Masked:
    """Base of objects that never show the texts they hold, and can't be pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError(f"{type(self).__name__} can't be pickled")

    def __getstate__(self) -> Never:  # that of ``object`` would return the text
        raise TypeError(f"{type(self).__name__} can't be pickled")


class _MaskedText(Masked):
    """A wrapper that never shows the one text it holds."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            del text  # tools show the locals of an error's frames
            raise TypeError(f"{type(self).__name__} takes text")
        self._text = text

    def reveal(self) -> str:
        """Return the wrapped text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"),
            other._text.encode("utf-8", "surrogatepass"),
        )

    def __hash__(self) -> int:
        return hash((type(self), self._text))


class Secret(_MaskedText):
    """An api key or a password."""

    __slots__ = ()


class Personal(_MaskedText):
    """A phone number, a name or any data about a person."""

    __slots__ = ()
