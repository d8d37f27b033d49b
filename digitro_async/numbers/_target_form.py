"""PURE: the forms in which a number can be written for a PABX.

Which one a PABX wants depends on its routes (ROTA), which no page documents: UNKNOWN.
So the user names the form, and where none is named nothing is rewritten.
"""

import enum
import re
from typing import Final, Self

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.numbers._area_codes import AREA_CODES
from digitro_async.numbers._number_problems import NumberProblem, NumberReason
from digitro_async.numbers._phone_number import CARRIERS, PhoneNumber

__all__ = ["NATIONAL_SHORT", "NumberForm", "number_form"]

NATIONAL_SHORT: Final = r"(?:300\d|400\d|4020|4370|4864)\d{4}"
"""Pattern of numbers that are the same all over Brazil, and have no area code."""


class _Kind(enum.StrEnum):
    AS_WRITTEN = "as-written"
    TRUNK = "0ddd"
    AREA = "ddd"
    CARRIER = "carrier"
    LOCAL = "local"
    COUNTRY = "55ddd"
    E164 = "e164"


_PREFIXES: Final = {
    _Kind.TRUNK: "0",
    _Kind.AREA: "",
    _Kind.COUNTRY: "55",
    _Kind.E164: "+55",
}
_NATIONAL_SHORT = re.compile(NATIONAL_SHORT)


@attrs.frozen(kw_only=True)
class NumberForm:
    """A form in which numbers are written.

    Made by :func:`number_form`.

    Attributes:
        text: The form as it is typed.
        prefix: The text before the area code; None where numbers stay as written.
        area_code: The area code that is left out, None where none is.
        has_other_areas: Whether numbers of other areas are written, with ``prefix``.
    """

    text: str
    prefix: str | None
    area_code: str | None = None
    has_other_areas: bool = True

    @property
    def is_as_written(self) -> bool:
        """Whether numbers are only checked, and stay as they are written."""
        return self.prefix is None and self.area_code is None

    @classmethod
    def of(cls, form: Self | str | None) -> Self | None:
        """Return a form that may be given as a text.

        Raises:
            ConfigurationError: If there is no such form.
        """
        return cls._of_text(form) if isinstance(form, str) else form

    @classmethod
    def _of_text(cls, text: str) -> Self:
        name, sign, code = text.partition(":")
        if name == _Kind.CARRIER and code in CARRIERS:
            return cls(text=text, prefix=f"0{code}")
        if name == _Kind.LOCAL:
            area, comma, other = code.partition(",")
            if area in AREA_CODES and not comma:
                return cls(
                    text=text, prefix=None, area_code=area, has_other_areas=False
                )
            if area in AREA_CODES and not other.startswith(_Kind.LOCAL):
                prefix = cls._of_text(other).prefix
                if prefix is not None:
                    return cls(text=text, prefix=prefix, area_code=area)
        if not sign and name == _Kind.AS_WRITTEN:
            return cls(text=text, prefix=None)
        if not sign and name in _PREFIXES:
            return cls(text=text, prefix=_PREFIXES[_Kind(name)])
        raise ConfigurationError(f"number_form must be {_VALID}")

    def write(self, number: PhoneNumber, written: str) -> str | NumberProblem:
        """Return the number in this form, or why it has none.

        Args:
            number: The number.
            written: The text that it was read from.
        """
        if number.area_code == self.area_code:
            if _NATIONAL_SHORT.fullmatch(number.subscriber):
                return _RINGS_ANOTHER
            return number.subscriber
        if self.prefix is not None:
            return f"{self.prefix}{number.area_code}{number.subscriber}"
        return written if self.has_other_areas else _OTHER_AREA


def number_form(text: str) -> NumberForm:
    """Return the form of that name.

    Args:
        text: ``as-written`` (checked, and left as it is), ``0ddd`` (0, area code,
            number), ``ddd`` (area code, number), ``carrier:NN`` (0, the carrier's
            digits, area code, number), ``55ddd``, ``e164`` (``+55``, area code,
            number), ``local:DDD`` (the number alone; others are refused), or
            ``local:DDD,FORM`` (numbers of other areas have that form).

    Raises:
        ConfigurationError: If there is no such form; the text names those that are.
    """
    form = NumberForm.of(text)
    assert form is not None  # noqa: S101 - for the type checker
    return form


_VALID = (
    "as-written, 0ddd, ddd, 55ddd, e164, carrier:NN (NN one of "
    f"{', '.join(sorted(CARRIERS))}), local:DDD (DDD an area code) or local:DDD,FORM "
    "(FORM for the numbers of other areas)"
)
_OTHER_AREA = NumberProblem(
    NumberReason.OTHER_AREA,
    "has another area code than the local form is for; local:DDD,0ddd writes it too",
)
_RINGS_ANOTHER = NumberProblem(
    NumberReason.SHARED_COST,
    "is a company's number that is the same all over Brazil without its area code",
)
