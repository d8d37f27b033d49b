"""Makes settings of tables, with errors that name the place of a field."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

import attrs

from digitro_async._common.text import one_of
from digitro_async.config._location import Place
from digitro_async.config._secrets import with_sources
from digitro_async.errors import ConfigurationError

__all__ = ["KEYS", "SettingsPlace", "Where", "build"]

_Built = TypeVar("_Built")

KEYS = ("api_key",)
"""Fields of a PABX that are secrets."""

_EXAMPLES = {"rate": ", such as { calls = 50, per = 1.0 }"}


class Where(Protocol):
    """Where settings come from: it makes the errors about them."""

    def error(self, place: Place, problem: str) -> ConfigurationError:
        """Return an error that names the field."""
        ...

    def unknown(
        self, place: Place, name: str, known: Iterable[str]
    ) -> ConfigurationError:
        """Return the error about an option with an unknown name."""
        ...


class SettingsPlace:
    """The place of settings that a program gives."""

    def error(self, place: Place, problem: str) -> ConfigurationError:
        """Return an error that names the field."""
        return ConfigurationError(f"{'.'.join(map(str, place))}: {problem}")

    def unknown(
        self, place: Place, name: str, known: Iterable[str]
    ) -> ConfigurationError:
        """Return the error about an option with an unknown name."""
        problem = f"there is no such option{one_of(name, known)}"
        return self.error((*place, name), problem)


def build(where: Where, place: Place, kind: type[_Built], values: object) -> _Built:
    """Make a setting of a table's values.

    Args:
        where: Where they come from.
        place: The place of the table.
        kind: The class of the setting.
        values: The table.

    Raises:
        ConfigurationError: If they can't be used; the text says where it is wrong.
    """
    if not isinstance(values, dict):
        raise where.error(place, f"must be a table{_EXAMPLES.get(str(place[-1]), '')}")
    fields = {field.name: field for field in attrs.fields(kind)}  # type: ignore[arg-type]  # an attrs class
    for name, value in values.items():
        if name not in fields:
            raise where.unknown(place, name, with_sources(fields, KEYS))
        if fields[name].type is bool and not isinstance(value, bool):
            raise where.error((*place, name), "must be true or false")
    for name, field in fields.items():
        if field.default is attrs.NOTHING and name not in values:
            raise where.error(place, f"{name} is missing")
    try:
        return kind(**values)
    except ConfigurationError as error:
        problem = str(error)
    except (TypeError, ValueError, ArithmeticError):  # what their own checks leave
        problem = "a value has the wrong form"
    name, _, rest = problem.partition(" ")
    if name in fields:
        raise where.error((*place, name), rest)
    raise where.error(place, problem)
