"""Finds the columns of a contact file by their names."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from digitro_async._common.text import did_you_mean
from digitro_async.calls import OWN_FIELDS
from digitro_async.contacts._header import Header
from digitro_async.errors import ConfigurationError

__all__ = ["GENERAL_WORDS", "KNOWN_FIELDS", "Columns", "checked_map", "find_columns"]

KNOWN_FIELDS: Final = ("id", "pabx", "destination", *OWN_FIELDS)
"""The fields that a column may be."""

GENERAL_WORDS: Final = ("account", "device", "route")
"""Fields whose name means something else in many programs: they are taken where a
column has the very name, in small letters, and otherwise only where they are mapped."""

_OMITTING: Final = "--ignore-unknown-columns passes over it"

# Only what looks like a name is shown: a row of a person may stand in its place.
_LOOKS_LIKE_A_NAME = re.compile(r"[^\W\d][\w .?!/()#&'+-]{0,39}")
_MANY_DIGITS = re.compile(r"\d{4}")


@attrs.frozen(kw_only=True)
class Columns:
    """The place of each field in a row.

    Attributes:
        delimiter: The character between cells.
        width: Cells of a row.
        destination: Index of the number.
        id: Index of the caller's id, if there is one.
        pabx: Index of the PABX's name, if there is one.
        fields: Index and name of every other field of the call.
        taken: Name of each column that is used, as it may be shown, and its field.
        passed_over: Names of the other columns, as they may be shown.
    """

    delimiter: str
    width: int
    destination: int
    id: int | None
    pabx: int | None
    fields: tuple[tuple[int, str], ...]
    taken: tuple[tuple[str, str], ...]
    passed_over: tuple[str, ...]


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
                f"(fields are {', '.join(KNOWN_FIELDS)})"
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
    return Columns(
        delimiter=header.delimiter,
        width=len(names),
        destination=index.pop("destination"),
        id=index.pop("id", None),
        pabx=index.pop("pabx", None),
        fields=tuple((position, field) for field, position in index.items()),
        taken=tuple((_name_of(at, names[at]), field) for at, field in taken),
        passed_over=tuple(
            _name_of(at, name)
            for at, name in enumerate(names)
            if at not in {position for position, _ in taken}
        ),
    )


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
            f"--map {small}={name} takes it for {small}, {_OMITTING}"
        )
    like = re.sub(r"[\W_]+", "_", small).strip("_")
    hint = did_you_mean(like, KNOWN_FIELDS)
    return (
        f"{shown} is unknown{hint} (--map FIELD=COLUMN takes a column for a field: "
        f"{', '.join(KNOWN_FIELDS)}; {_OMITTING})"
    )


def _is_showable(name: str) -> bool:
    return bool(_LOOKS_LIKE_A_NAME.fullmatch(name)) and not _MANY_DIGITS.search(name)


def _showable(names: Sequence[str]) -> list[str]:
    return [name for name in names if _is_showable(name)]


def _shown(position: int, name: str) -> str:
    """Return how errors name a column."""
    if not name:
        return f"column {position + 1} (without a name)"
    return f"column {position + 1}" + (f" {name!r}" if _is_showable(name) else "")


def _name_of(position: int, name: str) -> str:
    """Return how the operator is told of a column."""
    return name if _is_showable(name) else f"column {position + 1}"
