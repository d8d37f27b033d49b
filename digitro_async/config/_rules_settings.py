"""The rules that ``digitro.toml`` names, for all that is dialled by it."""

from pathlib import Path
from typing import Any

import attrs

from digitro_async._common.time_texts import seconds_of
from digitro_async.config._building import Where, build
from digitro_async.errors import ConfigurationError

__all__ = ["RulesSettings", "build_rules_settings"]


def _file(_: object, field: Any, value: Any) -> None:
    """Demand the name of a file."""
    if not isinstance(value, Path):
        raise ConfigurationError(f"{field.name} must name a file")


def _path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) and value.strip() else value


def _wait(value: Any) -> Any:
    if value is None:
        return None
    if value is False:
        return 0.0
    try:
        return seconds_of(value)
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(f"wait {problem}, or false")


@attrs.frozen(kw_only=True)
class RulesSettings:
    """The rules file by which a configuration is dialled.

    Attributes:
        file: The file.
        wait: Longest time, in seconds, that a dial waits for contacts that are called
            later; None for any time, 0 (``false`` in the file) for none.
    """

    file: Path = attrs.field(validator=_file, converter=_path)
    wait: float | None = attrs.field(default=None, converter=_wait)


def build_rules_settings(where: Where, table: object, folder: Path) -> RulesSettings:
    """Make the settings of the table ``[rules]``.

    Args:
        where: The configuration file; it makes the errors.
        table: The table.
        folder: Where its file is looked for.

    Raises:
        ConfigurationError: If a value can't be used.
    """
    made = build(where, ("rules",), RulesSettings, table)
    return attrs.evolve(made, file=folder / made.file)
