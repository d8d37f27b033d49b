"""PURE: a Brazilian number, in its parts."""

import enum
from typing import Final

import attrs

from digitro_async.numbers._area_codes import AREA_CODES

__all__ = ["CARRIERS", "NumberKind", "PhoneNumber"]

CARRIERS: Final = frozenset(
    {"12", "14", "15", "21", "22", "23", "25", "31", "41", "43", "55", "65", "99"}
)
"""Carrier selection codes (CSP). VERIFIED: those of the metadata of phonenumbers."""


class NumberKind(enum.StrEnum):
    """Kinds of numbers that persons have."""

    MOBILE = "mobile"
    """Nine digits from 9, or the eight from 7 of trunked radio (SME)."""
    LANDLINE = "landline"
    """Eight digits from 2 to 5."""


@attrs.frozen(repr=False)
class PhoneNumber:
    """A Brazilian number of a person, whatever form it was written in.

    Two of them are equal where they ring at the same place, so the carrier is left out
    of that.

    Attributes:
        area_code: Its two digits (DDD).
        subscriber: The eight or nine digits behind it.
        carrier: The carrier's two digits that stood before it, None where none did.
    """

    area_code: str
    subscriber: str
    carrier: str | None = attrs.field(default=None, eq=False)

    @property
    def kind(self) -> NumberKind:
        """Whether it is a mobile number or a landline."""
        is_mobile = self.subscriber[0] in "79"
        return NumberKind.MOBILE if is_mobile else NumberKind.LANDLINE

    @property
    def national(self) -> str:
        """The area code and the subscriber's digits: the key to compare numbers by."""
        return self.area_code + self.subscriber

    @property
    def e164(self) -> str:
        """The number with a plus sign and the country code."""
        return f"+55{self.area_code}{self.subscriber}"

    @property
    def state(self) -> str | None:
        """The two letters of the area code's state, None of a code without one."""
        return AREA_CODES.get(self.area_code)

    def __repr__(self) -> str:
        return "PhoneNumber('***')"
