"""Finds the columns of a contact file by their names."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from digitro_async._common.text import did_you_mean
from digitro_async.calls import OWN_FIELDS
from digitro_async.contacts._column_words import field_meant, is_showable, map_option
from digitro_async.contacts._contact_number import MOST_NUMBERS
from digitro_async.contacts._header import Header
from digitro_async.errors import ConfigurationError

__all__ = [
    "GENERAL_WORDS",
    "KNOWN_FIELDS",
    "Columns",
    "NumberColumn",
    "checked_map",
    "find_columns",
]

_PLACES: Final = ("", *map(str, range(2, MOST_NUMBERS + 1)))
_OF_NUMBERS: Final = tuple(
    f"{name}{place}" for name in ("destination", "kind", "hours") for place in _PLACES
)
KNOWN_FIELDS: Final = ("id", "pabx", "area_code", "priority", *_OF_NUMBERS, *OWN_FIELDS)
"""The fields that a column may be."""

_NAMED: Final = ("id", "pabx", "destination", *OWN_FIELDS)
_SAID: Final = (
    f"{', '.join(_NAMED)}; of contacts with several numbers destination2 to "
    f"destination{MOST_NUMBERS}, and kind, hours, kind2, hours2 and so on; area_code; "
    "priority"
)

GENERAL_WORDS: Final = ("account", "device", "route")
"""Fields whose name means something else in many programs: they are taken where a
column has the very name, in small letters, and otherwise only where they are mapped."""

_OMITTING: Final = "--ignore-unknown-columns passes over it"


@attrs.frozen(kw_only=True)
class NumberColumn:
    """The place of one of the numbers of a contact.

    Attributes:
        field: ``destination``, ``destination2`` and so on.
        at: Index of the number.
        name: The column's name where it has another one than the field.
        kind_at: Index of its kind, if that has a column.
        hours_at: Index of its hours, if these have a column.
    """

    field: str
    at: int
    name: str | None = None
    kind_at: int | None = None
    hours_at: int | None = None

    @property
    def hours_field(self) -> str:
        """The field of its hours."""
        return self.field.replace("destination", "hours")


@attrs.frozen(kw_only=True)
class Columns:
    """The place of each field in a row.

    Attributes:
        delimiter: The character between cells.
        width: Cells of a row.
        destination: Index of the number.
        id: Index of the caller's id, if there is one.
        pabx: Index of the PABX's name, if there is one.
        area_code: Index of the area code of numbers without one, if there is one.
        priority: Index of the contact's priority, if there is one.
        numbers: The place of each number, in the order in which they are rung.
        fields: Index and name of every other field of the call.
        taken: Name of each column that is used, as it may be shown, and its field.
        passed_over: Names of the other columns, as they may be shown.
    """

    delimiter: str
    width: int
    destination: int
    id: int | None
    pabx: int | None
    area_code: int | None
    priority: int | None
    numbers: tuple[NumberColumn, ...]
    fields: tuple[tuple[int, str], ...]
    taken: tuple[tuple[str, str], ...]
    passed_over: tuple[str, ...]

    @property
    def used(self) -> dict[int, str]:
        """Index of each column that is used, and its field."""
        used = dict(self.fields)
        own = {
            "id": self.id,
            "pabx": self.pabx,
            "area_code": self.area_code,
            "priority": self.priority,
        }
        used.update({at: field for field, at in own.items() if at is not None})
        for number in self.numbers:
            used[number.at] = number.field
            if number.kind_at is not None:
                used[number.kind_at] = number.field.replace("destination", "kind")
            if number.hours_at is not None:
                used[number.hours_at] = number.hours_field
        return used


def checked_map(columns: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's names of columns, with one blank between their words.

    Args:
        columns: Field, and the name of the column that has it.

    Raises:
        ConfigurationError: If there is no such field, or a name is empty.
    """
    for field, name in columns.items():
        if field not in KNOWN_FIELDS:
            raise ConfigurationError(
                f"--map: {field!r} is no field{did_you_mean(field, KNOWN_FIELDS)} "
                f"(fields are {_SAID})"
            )
        if not name.strip():
            raise ConfigurationError(f"--map: the column for {field} has no name")
    return {field: " ".join(name.split()) for field, name in columns.items()}


def find_columns(
    file: str, header: Header, *, columns: Mapping[str, str], ignore_unknown: bool
) -> Columns:
    """Return the place of each field.

    Args:
        file: Name of the file, for errors.
        header: Its header row.
        columns: Field, and the name of the column that has it, for those whose name is
            not that of the field.
        ignore_unknown: Whether columns with unknown names are passed over.

    Raises:
        ConfigurationError: If a column is unknown, is there twice or is not there; the
            text names the file, the line and the column.
    """
    where = f"{file}, line {header.line}"
    names = list(header.names)
    if not ignore_unknown:
        while not names[-1]:  # a delimiter at the end of the row
            names.pop()
    index = _mapped(where, names, columns)
    for position, name in enumerate(names):
        field = _field_named(name)
        if position in index.values():
            continue
        if field is None or field in columns:
            if not ignore_unknown:
                raise ConfigurationError(
                    _unknown(where, position, name)
                    if field is None
                    else f"{where}: {_shown(position, name)} has the name of a field "
                    f"that --map gives another column; {_OMITTING}"
                )
        elif field in index:
            raise ConfigurationError(
                f"{where}: {_shown(position, name)} is there twice"
            )
        else:
            index[field] = position
    taken = sorted((position, field) for field, position in index.items())
    numbers = _number_columns(where, names, index)
    return Columns(
        delimiter=header.delimiter,
        width=len(names),
        destination=numbers[0].at,
        id=index.pop("id", None),
        pabx=index.pop("pabx", None),
        area_code=index.pop("area_code", None),
        priority=index.pop("priority", None),
        numbers=numbers,
        fields=tuple((position, field) for field, position in index.items()),
        taken=tuple((_name_of(at, names[at]), field) for at, field in taken),
        passed_over=tuple(
            _name_of(at, name)
            for at, name in enumerate(names)
            if at not in {position for position, _ in taken}
        ),
    )


def _number_columns(
    where: str, names: Sequence[str], index: dict[str, int]
) -> tuple[NumberColumn, ...]:
    """Take the columns of numbers out of the places, and return them in their order.

    Raises:
        ConfigurationError: If a kind or hours are there without their number.
    """
    numbers = []
    for place in _PLACES:
        field = f"destination{place}"
        kind, hours = index.pop(f"kind{place}", None), index.pop(f"hours{place}", None)
        at = index.pop(field, None)
        if at is not None:
            name = None if names[at].casefold() == field else names[at] or None
            numbers.append(
                NumberColumn(
                    field=field, at=at, name=name, kind_at=kind, hours_at=hours
                )
            )
        elif kind is not None or hours is not None:
            what = "kind" if hours is None else "hours"
            raise ConfigurationError(
                f"{where}: a column is {what}{place} of a number, and none is {field}"
            )
    return tuple(numbers)


def _field_named(name: str) -> str | None:
    """Return the field that a column is by its name, or None."""
    if name in KNOWN_FIELDS:
        return name
    small = name.casefold()
    return small if small in KNOWN_FIELDS and small not in GENERAL_WORDS else None


def _mapped(
    where: str, names: Sequence[str], columns: Mapping[str, str]
) -> dict[str, int]:
    """Return the index of each field that the caller names a column for."""
    index: dict[str, int] = {}
    for field, column in columns.items():
        exact = [at for at, name in enumerate(names) if name == column]
        found = exact or [
            at for at, name in enumerate(names) if name.casefold() == column.casefold()
        ]
        if len(found) != 1:
            problem = "is there twice" if found else "is not in the header"
            close = "" if found else did_you_mean(column, _showable(names))
            raise ConfigurationError(
                f"{where}: --map {field}={column}: the column {problem}{close}"
            )
        if found[0] in index.values():
            raise ConfigurationError(
                f"{where}: --map names the column {column!r} for two fields"
            )
        index[field] = found[0]
    return index


def _unknown(where: str, position: int, name: str) -> str:
    """Return the text about a column that is no field, with the ways out."""
    shown = f"{where}: {_shown(position, name)}"
    small = name.casefold()
    if small in GENERAL_WORDS:
        return (
            f"{shown} is a general word, and may be no field of a call: "
            f"{map_option(small, name)} takes it for {small}, {_OMITTING}"
        )
    like = re.sub(r"[\W_]+", "_", small).strip("_")
    hint = did_you_mean(like, KNOWN_FIELDS)
    if not hint and is_showable(name) and (meant := field_meant(name)):
        hint = f"; it may be {meant}: {map_option(meant, name)}"
    return (
        f"{shown} is unknown{hint} (--map FIELD=COLUMN takes a column for a field: "
        f"{_SAID}; {_OMITTING})"
    )


def _showable(names: Sequence[str]) -> list[str]:
    return [name for name in names if is_showable(name)]


def _shown(position: int, name: str) -> str:
    """Return how errors name a column."""
    if not name:
        return f"column {position + 1} (without a name)"
    return f"column {position + 1}" + (f" {name!r}" if is_showable(name) else "")


def _name_of(position: int, name: str) -> str:
    """Return how the operator is told of a column."""
    return name if is_showable(name) else f"column {position + 1}"
