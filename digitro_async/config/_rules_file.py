"""Reads ``rules.toml``, and the presets that ship, into the rules of a campaign."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from digitro_async._common.text import one_of
from digitro_async.config._building import SettingsPlace, Where
from digitro_async.config._location import ConfigLocation, read_text
from digitro_async.config._rules_tables import KNOWN_TABLES, build_rules
from digitro_async.errors import ConfigurationError
from digitro_async.rules import (
    BlockFile,
    BlockReading,
    CallingRules,
    HolidayScope,
    PresetSource,
)

__all__ = ["RULE_PRESETS", "load_rule_preset", "load_rules"]

RULE_PRESETS: Final = ("recall-common", "short-calls", "state-laws", "telecom-code")
"""Names of the presets. None of them is legal advice."""

_PRESETS: Final = "presets"
_ABOUT: Final = "about"


def load_rules(path: Path) -> tuple[CallingRules, list[BlockReading]]:
    """Return the rules of a file, with its block lists loaded.

    Args:
        path: The file. Files that it names are looked for beside it.

    Returns:
        The rules, and of each block list what its file brought: rows that can't be used
        are in it, and block nobody.

    Raises:
        ConfigurationError: If it can't be read or used, or a library that it needs is
            missing; the text has file, line and field.
    """
    try:
        text = read_text(path)
    except ConfigurationError as error:
        problem = str(error)
    else:
        return _load(ConfigLocation(path, text))
    raise ConfigurationError(f"{path}: {problem}")


def load_rule_preset(*names: str) -> CallingRules:
    """Return the rules of presets that ship, one laid over the other.

    Args:
        names: Names of presets.

    Raises:
        ConfigurationError: If there is no such preset.
    """
    return _on_presets(SettingsPlace(), {_PRESETS: list(names)}, Path())


def _load(where: ConfigLocation) -> tuple[CallingRules, list[BlockReading]]:
    try:
        values = tomllib.loads(where.text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    except (ValueError, RecursionError):  # what tomllib itself lets through
        problem = "a value has the wrong form"
    else:
        rules = _on_presets(where, values, where.path.parent)
        if any(one.holidays is not HolidayScope.NONE for one in rules.hours):
            rules.calendar.check()  # now, and not at the first call
        files = [one for one in rules.block_lists if isinstance(one, BlockFile)]
        return rules, [_load_block(where.path, file) for file in files]
    raise ConfigurationError(f"{where.path}: is no valid TOML: {problem}")


def _load_block(path: Path, file: BlockFile) -> BlockReading:
    """Load a block list; an error says which rules name it."""
    try:
        return file.load()
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(f"{path}: block {file.name}: {problem}")


def _on_presets(where: Where, values: dict[str, Any], folder: Path) -> CallingRules:
    """Return the rules of a table and of the presets that it names."""
    for name in values:
        if name not in KNOWN_TABLES:
            raise where.unknown((), name, KNOWN_TABLES)
    names = values.get(_PRESETS, [])
    if not isinstance(names, list):
        raise where.error((_PRESETS,), f'must be a list such as ["{RULE_PRESETS[0]}"]')
    base: dict[str, Any] = {}
    sources = []
    for name in names:
        if name not in RULE_PRESETS:
            shown = one_of(str(name), RULE_PRESETS)
            raise where.error((_PRESETS,), f"there is no such preset{shown}")
        preset = _preset(name)
        about = preset.pop(_ABOUT)
        sources.append(
            PresetSource(name=name, date=about["date"], sources=tuple(about["sources"]))
        )
        base = _laid_over(base, preset)
    return build_rules(where, values, base, folder, tuple(sources))


def _preset(name: str) -> dict[str, Any]:
    folder = resources.files("digitro_async.rules") / "presets"
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables with others laid over them; of lists, those follow these."""
    found = dict(base)
    for name, value in over.items():
        below = found.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            found[name] = {**below, **value}
        elif isinstance(below, list) and isinstance(value, list):
            found[name] = [*below, *value]
        else:
            found[name] = value
    return found
