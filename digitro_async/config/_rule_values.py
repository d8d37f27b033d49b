"""PURE: reads single values of ``rules.toml``: times, states, words."""

import enum
from typing import Any, TypeVar

from digitro_async._common.text import one_of
from digitro_async._common.validators import is_number, one_line
from digitro_async.errors import ConfigurationError
from digitro_async.rules import STATES, check_area_code

__all__ = [
    "areas_of",
    "choice_of",
    "choices_of",
    "maybe_file",
    "maybe_line",
    "one_file",
    "one_share",
    "states_of",
    "texts_of",
]

_Word = TypeVar("_Word", bound=enum.StrEnum)


def one_file(_: object, field: Any, value: Any) -> None:
    """Demand the name of a file."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ConfigurationError(f"{field.name} must name a file")


def maybe_file(instance: object, field: Any, value: Any) -> None:
    """Demand the name of a file, or nothing."""
    if value is not None:
        one_file(instance, field, value)


def maybe_line(instance: object, field: Any, value: Any) -> None:
    """Demand short printable text, or an empty one."""
    if value != "":
        one_line(instance, field, value)


def one_share(_: object, field: Any, value: Any) -> None:
    """Demand a share from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ConfigurationError(f"{field.name} must be a number from 0 to 1")


def texts_of(value: object) -> frozenset[str]:
    """Return a list of texts as a set.

    Raises:
        ConfigurationError: If it is no list of texts, or empty.
    """
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return frozenset(value)
    raise ConfigurationError('must be a list of texts such as ["one", "two"]')


def states_of(value: object) -> frozenset[str]:
    """Return a list of states as a set.

    Raises:
        ConfigurationError: If one is no state.
    """
    states = texts_of(value)
    for state in sorted(states - STATES):
        raise ConfigurationError(f"no such state{one_of(state, sorted(STATES))}")
    return states


def areas_of(value: object) -> frozenset[str]:
    """Return a list of area codes as a set.

    Raises:
        ConfigurationError: If one is no area code.
    """
    areas = texts_of(value)
    for area in sorted(areas):
        check_area_code("each", area or "-")
    return areas


def choice_of(kind: type[_Word], value: object) -> _Word:
    """Return the member of an enumeration that a word names.

    Raises:
        ConfigurationError: If it names none.
    """
    words = [str(word) for word in kind]
    if isinstance(value, str) and value in words:
        return kind(value)
    raise ConfigurationError(f"no such word{one_of(str(value), words)}")


def choices_of(kind: type[_Word], value: object) -> frozenset[_Word]:
    """Return the members of an enumeration that words name.

    Raises:
        ConfigurationError: If one names none.
    """
    return frozenset(choice_of(kind, one) for one in texts_of(value))
