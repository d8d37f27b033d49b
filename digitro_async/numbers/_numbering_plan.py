"""Asks phonenumbers, of the extra ``contacts``, about numbers that are unusual.

It is loaded with the first of them, because it takes some 20 MB and 50 ms.
"""

import functools
import re
from types import ModuleType
from typing import Final

from digitro_async._common.extras import load_extra

__all__ = ["check_numbering_plan", "country_of", "is_in_plan"]

_BRAZIL: Final = 55
_LONGEST_COUNTRY_CODE: Final = 3


def check_numbering_plan() -> None:
    """Refuse early what needs the library, where it is not installed.

    Raises:
        ConfigurationError: If it is not.
    """
    _library()


def is_in_plan(national: str) -> bool:
    """Whether Brazil's plan has an area code and number for people.

    Raises:
        ConfigurationError: If the library is not installed.
    """
    return any(kind.fullmatch(national) for kind in _kinds_of_people())


def country_of(digits: str) -> int | None:
    """Return the country code that digits behind a plus sign begin with.

    Args:
        digits: The country code and the number.

    Returns:
        None where no country has it, or it is Brazil's.

    Raises:
        ConfigurationError: If the library is not installed.
    """
    countries = _library().COUNTRY_CODE_TO_REGION_CODE
    codes = (int(digits[:length]) for length in range(1, _LONGEST_COUNTRY_CODE + 1))
    return next((one for one in codes if one in countries and one != _BRAZIL), None)


@functools.cache
def _kinds_of_people() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of the library for landlines and mobile numbers.

    To parse each number would take fifty times as long.
    """
    plan = _library().PhoneMetadata.metadata_for_region("BR")
    return tuple(
        re.compile(kind.national_number_pattern, re.ASCII)
        for kind in (plan.fixed_line, plan.mobile)
    )


def _library() -> ModuleType:
    return load_extra("phonenumbers", extra="contacts", needed_for="reading numbers")
