"""Finds the secrets of a configuration: in it, in the environment or in other files.

Errors name the field and never its value: neither the secret nor, since a secret may
have been put in its place, the name of a variable or file.
"""

import os
from collections.abc import Collection, Iterable
from typing import Any

from digitro_async.config._location import ConfigLocation, Place, read_text
from digitro_async.errors import ConfigurationError

__all__ = ["WRONG_TEXT", "resolve_secrets", "with_sources"]

_SOURCES = ("", "_env", "_file")

WRONG_TEXT = "must be text, in quotes"


def resolve_secrets(
    where: ConfigLocation, place: Place, table: object, names: tuple[str, ...]
) -> dict[str, Any]:
    """Return a table in which each secret stands itself, whatever its source.

    Args:
        where: The configuration file.
        place: The place of the table in it.
        table: The values of the table.
        names: Its secrets, each of which may also end in ``_env`` or ``_file``.

    Raises:
        ConfigurationError: If a secret can't be had, or from more than one source.
    """
    if not isinstance(table, dict):
        raise where.error(place, "must be a table")
    given = dict(table)
    for name in names:
        sources = [f"{name}{suffix}" for suffix in _SOURCES]
        found = [source for source in sources if source in given]
        if len(found) > 1:
            problem = f"give only one of {', '.join(sources)}"
            raise where.error((*place, found[1]), problem)
        for source in found:
            value = given.pop(source)
            if not isinstance(value, str):
                raise where.error((*place, source), WRONG_TEXT)
            given[name] = _look_up(where, (*place, source), value)
    return given


def with_sources(names: Iterable[str], secrets: Collection[str]) -> list[str]:
    """Return names, with those of the sources of each that is a secret."""
    return [
        f"{name}{suffix}"
        for name in names
        for suffix in (_SOURCES if name in secrets else ("",))
    ]


def _look_up(where: ConfigLocation, place: Place, value: str) -> str:
    source = str(place[-1])
    if source.endswith("_env"):
        text = os.environ.get(value, "") if value.isascii() else ""
        problem = "the environment variable it names is not set or empty: export it"
    elif source.endswith("_file"):
        try:
            text = read_text(where.path.parent / value).strip()
            problem = "the file it names is empty"
        except ConfigurationError as error:
            text, problem = "", f"the file it names {error}"
    else:
        text, problem = value, "is empty"
    if not text:
        raise where.error(place, problem)
    return text
