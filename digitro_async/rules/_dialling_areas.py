"""PURE: which states and time zones the numbers of an area code (DDD) are issued in."""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import attrs

from digitro_async.numbers import AREA_CODES

__all__ = [
    "ANYWHERE",
    "STATES",
    "CalledPlace",
    "DiallingArea",
    "area_of",
    "dialling_areas",
]

_PREFIX: Final = 6
"""Digits of a prefix in the table, the area code's among them."""


@attrs.frozen
class CalledPlace:
    """A place where a called person may be.

    Attributes:
        state: Two letters of the state.
        zone: Name of the time zone.
    """

    state: str
    zone: str


@attrs.frozen(eq=False)
class DiallingArea:
    """The area that a number belongs to. There is one object for each area.

    Attributes:
        code: The area code (DDD); empty where it is not known.
        places: Where a person with such a number may be. The rules of all hold.
    """

    code: str
    places: tuple[CalledPlace, ...] = attrs.field(repr=False)

    @property
    def states(self) -> tuple[str, ...]:
        """The states of its places, each once."""
        return tuple(dict.fromkeys(place.state for place in self.places))

    @property
    def zones(self) -> tuple[str, ...]:
        """The time zones of its places, each once."""
        return tuple(dict.fromkeys(place.zone for place in self.places))

    @property
    def is_known(self) -> bool:
        """Whether the number told its area."""
        return bool(self.code)


@functools.cache
def dialling_areas() -> Mapping[str, DiallingArea]:
    """Return the areas by code or prefix, and the unknown one under an empty text."""
    table = _table()
    zones = table["states"]
    areas = {
        code: DiallingArea(
            code,
            tuple(
                CalledPlace(one, zone)
                for one in (state, *table["more_states"].get(code, ()))
                for zone in (zones[one], *table["zones"].get(code, ()))
            ),
        )
        for code, state in AREA_CODES.items()
    }
    for prefix, place in table["prefixes"].items():
        areas[prefix] = DiallingArea(prefix[:2], (CalledPlace(**place),))
    everywhere = dict.fromkeys(
        place for area in areas.values() for place in area.places
    )
    areas[""] = DiallingArea("", tuple(everywhere))
    return MappingProxyType(areas)


def area_of(national: str) -> DiallingArea | None:
    """Return the area of a national number.

    Args:
        national: Area code and subscriber's number, digits only.

    Returns:
        The area, None where the first two digits are no area code.
    """
    areas = dialling_areas()
    return areas.get(national[:_PREFIX]) or areas.get(national[:2])


def _table() -> dict[str, Any]:
    file = resources.files("digitro_async.rules") / "data" / "areas.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


ANYWHERE: Final = dialling_areas()[""]
"""The area of a number that does not tell its own: every place of the country."""

STATES: Final = frozenset(ANYWHERE.states)
"""The 26 states and the Federal District, by their two letters."""
