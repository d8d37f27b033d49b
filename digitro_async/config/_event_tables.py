"""Makes the settings of event channels of tables, and of the presets that ship."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import attrs

from digitro_async._common.text import one_of
from digitro_async.config._building import SettingsPlace, Where, build
from digitro_async.config._location import Place
from digitro_async.errors import ConfigurationError
from digitro_async.event_settings import (
    ChannelRequest,
    EventChannelSettings,
    Subscription,
)

__all__ = ["EVENT_PRESETS", "build_events", "load_event_preset", "preset_values"]

EVENT_PRESETS: Final = ("pabx", "interact-cti", "neo", "simulator")
"""Names of the presets."""

_PRESET: Final = "preset"
_REQUESTS: Final = frozenset({"open", "close", "request"})


def load_event_preset(name: str, **overrides: Any) -> EventChannelSettings:
    """Return the settings of an event channel from a preset that ships.

    ``pabx`` holds what the vendor's pages on the PABX API say, and needs at least
    ``open``; ``interact-cti`` and ``neo`` are two sister products. ``simulator`` is
    made up, for rehearsals with ``digitro simulate --events simulator``.

    Example::

        events = load_event_preset("pabx", open="/canal", id_fields="channelID")

    Args:
        name: Name of the preset.
        overrides: Fields of ``EventChannelSettings``, as in ``digitro.toml``. A table
            is laid over that of the preset; everything else takes its place.

    Raises:
        ConfigurationError: If there is no such preset, or a field can't be used.
    """
    return build_events(SettingsPlace(), ("events",), {_PRESET: name, **overrides})


def preset_values(name: str) -> dict[str, Any]:
    """Return the table of a preset.

    Raises:
        ConfigurationError: If there is no such preset.
    """
    if name not in EVENT_PRESETS:
        shown = one_of(str(name), EVENT_PRESETS)
        raise ConfigurationError(f"there is no such preset{shown}")
    folder = resources.files("digitro_async.config") / "event_presets"
    text = (folder / f"{name}.toml").read_text(encoding="utf-8")
    values: dict[str, Any] = tomllib.loads(text)["events"]
    return values


def build_events(where: Where, place: Place, values: object) -> EventChannelSettings:
    """Return the settings of an event channel of a table.

    Args:
        where: Where the table comes from.
        place: Its place.
        values: The table; ``preset`` in it names one to begin with.

    Raises:
        ConfigurationError: If a value can't be used.
    """
    if not isinstance(values, dict):
        raise where.error(place, "must be a table")
    given = _on_its_preset(where, place, values)
    known = [_PRESET, *(one.name for one in attrs.fields(EventChannelSettings))]
    for name in given:
        if name not in known:
            raise where.unknown(place, name, known)
    for name in _REQUESTS & given.keys():
        given[name] = _request(where, (*place, name), given[name])
    if isinstance(given.get("subscription"), dict):
        inner = dict(given["subscription"])
        at = (*place, "subscription")
        for name in _REQUESTS & inner.keys():
            inner[name] = _request(where, (*at, name), inner[name])
        given["subscription"] = build(where, at, Subscription, inner)
    return build(where, place, EventChannelSettings, given)


def _on_its_preset(
    where: Where, place: Place, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a table laid over the preset that it names, if it names one."""
    given = dict(values)
    if _PRESET not in given:
        return given
    name = given.pop(_PRESET)
    try:
        return _laid_over(preset_values(name), given)
    except ConfigurationError as error:
        problem = str(error)
    raise where.error((*place, _PRESET), problem)


def _request(where: Where, place: Place, value: object) -> ChannelRequest:
    if isinstance(value, ChannelRequest):
        return value
    if not isinstance(value, dict | str):
        raise where.error(place, "must be a path, or a table with a path")
    table = value if isinstance(value, dict) else {"path": value}
    return build(where, place, ChannelRequest, table)


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with another one laid over it, also inside of its tables."""
    found = dict(base)
    for name, value in over.items():
        below = found.get(name)
        if isinstance(below, dict) and isinstance(value, str) and name in _REQUESTS:
            value = {"path": value}  # noqa: PLW2901 - a request by its path alone
        if isinstance(below, dict) and isinstance(value, Mapping):
            found[name] = _laid_over(below, value)
        else:
            found[name] = value
    return found
