"""Makes rules of the tables of ``rules.toml``, with errors that name the place."""

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from digitro_async._common.time_texts import seconds_of
from digitro_async.call_events import Disposition
from digitro_async.config._building import Where, build
from digitro_async.config._holiday_file import holidays_of_file
from digitro_async.config._location import Place
from digitro_async.config._rule_values import (
    areas_of,
    choice_of,
    choices_of,
    maybe_file,
    maybe_line,
    one_file,
    one_share,
    states_of,
    texts_of,
)
from digitro_async.errors import ConfigurationError
from digitro_async.rules import (
    AttemptCap,
    BlockFile,
    CallbackRule,
    CallingHours,
    CallingRules,
    CapClock,
    ContactMix,
    Counted,
    DayCalendar,
    HolidayScope,
    MissedCallback,
    NextNumber,
    OriginatingNumber,
    OriginatingPool,
    OwnHoliday,
    PresetSource,
    RecallRule,
    RecallRules,
    ShareStop,
    ShortCallRule,
    Spacing,
    StopRules,
    check_area_code,
    spans_of,
    week_of,
)

__all__ = ["KNOWN_TABLES", "build_rules"]

KNOWN_TABLES: Final = (
    "presets",
    "home_area",
    "block",
    "hours",
    "holidays",
    "spacing",
    "cap",
    "recall",
    "callbacks",
    "mix",
    "stop",
    "originating",
    "short_calls",
)

_Rule = TypeVar("_Rule")
_Reader = Callable[[object], object]

_ENDS: Final = ("most_attempts", *Disposition)


@attrs.frozen(kw_only=True)
class BlockTable:
    """The table of a block list."""

    file: str = attrs.field(validator=one_file)
    name: str = attrs.field(default="", validator=maybe_line)
    reason: str = attrs.field(default="", validator=maybe_line)
    may_shrink_to: float = attrs.field(default=0.5, validator=one_share)


@attrs.frozen(kw_only=True)
class HolidaysTable:
    """The table of the holidays."""

    file: str | None = attrs.field(default=None, validator=maybe_file)
    optional: bool = False
    of_library: bool = True
    own: tuple[OwnHoliday, ...] = ()


@attrs.frozen(kw_only=True)
class PoolTable:
    """The table of the originating numbers."""

    number: tuple[OriginatingNumber, ...]
    rotate: bool = False
    field: str = "caller_id"


def build_rules(
    where: Where,
    values: Mapping[str, Any],
    preset: Mapping[str, Any],
    folder: Path,
    presets: tuple[PresetSource, ...],
) -> CallingRules:
    """Return the rules of a file.

    Args:
        where: The file; it makes the errors.
        values: Its tables.
        preset: Tables of presets, under them.
        folder: Where the files are that it names.
        presets: Where the presets come from.

    Raises:
        ConfigurationError: If a value can't be used; the text says where it is wrong.
    """
    read = RulesTables(where, values, preset)
    home_area = values.get("home_area", "")
    try:
        check_area_code("home_area", home_area)
    except ConfigurationError as error:
        problem = str(error).removeprefix("home_area ")
        raise where.error(("home_area",), problem) from None
    return CallingRules(
        home_area=home_area,
        block_lists=tuple(
            BlockFile(
                folder / one.file,
                name=one.name,
                reason=one.reason,
                home_area=home_area,
                may_shrink_to=one.may_shrink_to,
            )
            for one in read.many("block", BlockTable)
        ),
        hours=read.many("hours", CallingHours, _HOURS),
        calendar=_calendar(where, read.table("holidays"), folder),
        spacings=read.many("spacing", Spacing, _SPACING),
        caps=read.many("cap", AttemptCap, _CAP),
        recall=_recall(where, read.table("recall")),
        callbacks=read.one("callbacks", CallbackRule, _CALLBACKS) or CallbackRule(),
        mix=read.one("mix", ContactMix) or ContactMix(),
        stop=_stop(where, read.table("stop")),
        originating=_pool(where, read.table("originating")),
        short_calls=_short_calls(where, read.table("short_calls")),
        presets=presets,
    )


class RulesTables:
    """Reads the tables of a file, laid over those of presets.

    Args:
        where: The file.
        values: Its tables.
        preset: The tables of presets.
    """

    def __init__(
        self, where: Where, values: Mapping[str, Any], preset: Mapping[str, Any]
    ) -> None:
        self._where = where
        self._values = values
        self._preset = preset

    def table(self, name: str) -> dict[str, Any] | None:
        """Return a table, None where neither the file nor a preset has it."""
        if name not in self._values:
            return self._preset.get(name)
        values = self._values[name]
        if not isinstance(values, dict):
            raise self._where.error((name,), "must be a table")
        return {**self._preset.get(name, {}), **values}

    def one(
        self, name: str, kind: type[_Rule], readers: Mapping[str, _Reader] | None = None
    ) -> _Rule | None:
        """Return the rule of a table, None where there is none."""
        values = self.table(name)
        if values is None:
            return None
        return made(self._where, (name,), kind, values, readers or {})

    def many(
        self, name: str, kind: type[_Rule], readers: Mapping[str, _Reader] | None = None
    ) -> tuple[_Rule, ...]:
        """Return the rules of a list of tables, those of presets first."""
        values = self._values.get(name, [])
        return (
            *made_each(self._where, (name,), kind, self._preset.get(name, []), readers),
            *made_each(self._where, (name,), kind, values, readers),
        )


def made(
    where: Where,
    place: Place,
    kind: type[_Rule],
    values: object,
    readers: Mapping[str, _Reader],
) -> _Rule:
    """Make a rule of a table, whose texts become what the rule takes.

    Args:
        where: The file.
        place: Place of the table.
        kind: Class of the rule.
        values: The table.
        readers: What makes a value of a field; the others are taken as they are.
    """
    if isinstance(values, dict):
        values = dict(values)
        for name, reader in readers.items():
            if name not in values:
                continue
            try:
                values[name] = reader(values[name])
            except ConfigurationError as error:
                problem = str(error)
            else:
                continue
            raise where.error((*place, name), problem)
    return build(where, place, kind, values)


def made_each(
    where: Where,
    place: Place,
    kind: type[_Rule],
    values: object,
    readers: Mapping[str, _Reader] | None,
) -> tuple[_Rule, ...]:
    """Make a rule of each of a list of tables."""
    if not isinstance(values, list):
        shown = place[-1]
        raise where.error(place, f"must be a list of tables: write [[{shown}]]")
    return tuple(
        made(where, (*place, index), kind, one, readers or {})
        for index, one in enumerate(values)
    )


_HOURS: Final[Mapping[str, _Reader]] = {
    "week": week_of,
    "states": states_of,
    "campaigns": texts_of,
    "holidays": lambda value: choice_of(HolidayScope, value),
    "on_holidays": spans_of,
}
_SPACING: Final[Mapping[str, _Reader]] = {
    "least": seconds_of,
    "assumed": seconds_of,
    "counts": lambda value: choice_of(Counted, value),
}
_CAP: Final[Mapping[str, _Reader]] = {
    "clock": lambda value: choice_of(CapClock, value),
    "counts": lambda value: choice_of(Counted, value),
    "states": states_of,
}
_RECALL: Final[Mapping[str, _Reader]] = {
    "after": lambda value: tuple(
        map(seconds_of, value if isinstance(value, list) else [value])
    ),
    "number": lambda value: choice_of(NextNumber, value),
}
_CALLBACKS: Final[Mapping[str, _Reader]] = {
    "early": seconds_of,
    "late": seconds_of,
    "missed": lambda value: choice_of(MissedCallback, value),
}
_SHARE: Final[Mapping[str, _Reader]] = {
    "ends": lambda value: choices_of(Disposition, value),
    "among": lambda value: choices_of(Disposition, value),
}
_NUMBER: Final[Mapping[str, _Reader]] = {"areas": areas_of}


def _stop(where: Where, values: dict[str, Any] | None) -> StopRules:
    place: Place = ("stop",)
    at = (*place, "shares")
    given = _with_list(where, at, values or {}, ShareStop, _SHARE)
    return made(where, place, StopRules, given, {"at": _moment_of})


def _with_list(
    where: Where,
    place: Place,
    values: dict[str, Any],
    kind: type[_Rule],
    readers: Mapping[str, _Reader],
) -> dict[str, Any]:
    """Return a table in which the list of tables at a place was made to rules."""
    name = str(place[-1])
    if name not in values:
        return values
    rules = made_each(where, place, kind, values[name], readers)
    return {**values, name: rules}


def _moment_of(value: object) -> float:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.timestamp()
    raise ConfigurationError("must be a time such as 2026-12-24T18:00:00-03:00")


def _recall(where: Where, values: dict[str, Any] | None) -> RecallRules | None:
    if values is None:
        return None
    rules = {}
    for name, value in values.items():
        if name not in _ENDS:
            raise where.unknown(("recall",), name, _ENDS)
        if name != _ENDS[0] and value is not False:  # which undoes that of a preset
            place: Place = ("recall", name)
            rules[Disposition(name)] = made(where, place, RecallRule, value, _RECALL)
    if _ENDS[0] not in values:
        raise where.error(
            ("recall",),
            "most_attempts is missing: the one cap of a contact over all its rules",
        )
    table = {"rules": rules, _ENDS[0]: values[_ENDS[0]]}
    return build(where, ("recall",), RecallRules, table)


def _pool(where: Where, values: dict[str, Any] | None) -> OriginatingPool | None:
    if values is None:
        return None
    place: Place = ("originating",)
    at = (*place, "number")
    given = _with_list(where, at, values, OriginatingNumber, _NUMBER)
    table = build(where, place, PoolTable, given)
    if not table.number:
        raise where.error(at, "must name a number")
    try:
        return OriginatingPool(table.number, rotate=table.rotate, field=table.field)
    except ConfigurationError as error:
        problem = str(error)
    raise where.error((*place, "field"), problem)


def _short_calls(where: Where, values: dict[str, Any] | None) -> ShortCallRule | None:
    if values is None:
        return None
    given = ShortCallRule.published()
    base = {
        field.name: getattr(given, field.name) for field in attrs.fields(ShortCallRule)
    }
    return build(where, ("short_calls",), ShortCallRule, {**base, **values})


def _calendar(where: Where, values: dict[str, Any] | None, folder: Path) -> DayCalendar:
    place: Place = ("holidays",)
    at = (*place, "own")
    given = _with_list(where, at, values or {}, OwnHoliday, {"day": _day_of})
    table = build(where, place, HolidaysTable, given)
    holidays = list(table.own)
    if table.file is not None:
        holidays += holidays_of_file(folder / table.file)
    return DayCalendar(holidays, optional=table.optional, of_library=table.of_library)


def _day_of(value: object) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise ConfigurationError("must be a day such as 2026-12-24")
