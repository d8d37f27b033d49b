"""Asks phonenumbers, of the extra ``contacts``, about numbers that are unusual.

It is loaded with the first of them, because it takes some 20 MB and 50 ms.
"""

from types import ModuleType

from digitro_async._common.extras import load_extra

__all__ = ["check_numbering_plan", "country_of", "is_in_plan"]


def check_numbering_plan() -> None:
    """Refuse early what needs the library, where it is not installed.

    Raises:
        ConfigurationError: If it is not.
    """
    _library()


def is_in_plan(number: str) -> bool:
    """Whether a number, with its plus sign, is one that Brazil's plan has for people.

    Raises:
        ConfigurationError: If the library is not installed.
    """
    library = _library()
    try:
        parsed = library.parse(number)
    except library.NumberParseException:
        return False
    kinds = library.PhoneNumberType
    return parsed.country_code == 55 and library.number_type(parsed) in {  # noqa: PLR2004 - Brazil
        kinds.MOBILE,
        kinds.FIXED_LINE,
        kinds.FIXED_LINE_OR_MOBILE,
    }


def country_of(digits: str) -> str | None:
    """Return the two letters of the country that digits behind a plus sign are of.

    Args:
        digits: The country code and the number.

    Returns:
        None where that can't be told.

    Raises:
        ConfigurationError: If the library is not installed.
    """
    library = _library()
    try:
        region = library.region_code_for_number(library.parse(f"+{digits}"))
    except library.NumberParseException:
        return None
    return None if region in {None, "001", "BR"} else str(region)


def _library() -> ModuleType:
    return load_extra("phonenumbers", extra="contacts", needed_for="reading numbers")
