"""ContactSettings: how contact files are read, where a configuration file says it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from digitro_async._common.validators import quiet_init, yes_or_no
from digitro_async.errors import ConfigurationError
from digitro_async.numbers import AREA_CODES, NumberForm

__all__ = ["ContactSettings"]


def _map(value: object) -> Mapping[str, str]:
    if isinstance(value, Mapping) and all(
        isinstance(one, str) for pair in value.items() for one in pair
    ):
        return MappingProxyType(dict(value))
    raise ConfigurationError("map must be names of fields, each with a column's name")


def _form(value: Any) -> NumberForm | None:
    if value is None or isinstance(value, NumberForm | str):
        return NumberForm.of(value)
    raise ConfigurationError('number_form must be a text, such as "0ddd"')


def _area_code(_: object, __: object, value: Any) -> None:
    if value is not None and value not in AREA_CODES:
        raise ConfigurationError('area_code must be a text of two digits, such as "48"')


@quiet_init
@attrs.frozen(kw_only=True)
class ContactSettings:
    """The ways in which contact files are read.

    Args:
        map: Field, and the name of the column that has it.
        strip_punctuation: Whether punctuation is taken out of numbers.
        number_form: The form that numbers are written in, such as ``0ddd``; None leaves
            them as they are.
        area_code: The area code (DDD) of numbers without one.

    Raises:
        ConfigurationError: If a value can't be used; the text begins with its field.
    """

    map: Mapping[str, str] = attrs.field(factory=dict, converter=_map)
    strip_punctuation: bool = attrs.field(default=False, validator=yes_or_no)
    number_form: NumberForm | None = attrs.field(default=None, converter=_form)
    area_code: str | None = attrs.field(default=None, validator=_area_code)
