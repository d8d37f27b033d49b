"""PURE: the hours in which calls may be made, by days of the week and by holidays."""

import enum
import functools
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from digitro_async._common.validators import one_line
from digitro_async.errors import ConfigurationError
from digitro_async.rules._rule_checks import maybe_states

__all__ = [
    "DAY_MINUTES",
    "CallingHours",
    "HolidayScope",
    "MinuteSpan",
    "hours_of_number",
    "spans_of",
    "week_of",
]

MinuteSpan = tuple[int, int]
"""Minutes after midnight: the first one, and the one after the last."""

DAY_MINUTES: Final = 24 * 60
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", re.ASCII)
_HOUR: Final = 60
_EXAMPLE: Final = '{ mon-fri = ["09:00-21:00"], sat = ["10:00-16:00"] }'


class HolidayScope(enum.StrEnum):
    """Which holidays hours keep."""

    NONE = "none"
    """None: the hours of the day of the week hold."""
    NATIONAL = "national"
    """National ones, and those of the user's file."""
    STATE = "state"
    """National ones, those of the called state, and those of the user's file."""


def _spans(_: object, field: Any, value: Any) -> None:
    """Demand spans of minutes in order, none of which ends before it begins."""
    if list(value) != sorted(value):
        raise ConfigurationError(f"{field.name} must be in order, the earliest first")
    for span in value:
        start, end = span
        if not 0 <= start < DAY_MINUTES or not start < end <= start + DAY_MINUTES:
            raise ConfigurationError(f"{field.name} must be spans of a day")


def _week(_: object, field: Any, value: Any) -> None:
    """Demand spans for each of the seven days."""
    if len(value) != len(_DAYS):
        raise ConfigurationError(f"{field.name} must have seven days")
    for day in value:
        _spans(_, field, day)


def _someone(instance: Any, _: object, value: Any) -> None:
    """Refuse hours without any time that hold for everybody: nobody could be called."""
    is_for_all = instance.states is None and instance.campaigns is None
    if is_for_all and not any(instance.week) and not value:
        raise ConfigurationError(
            "week has no open time: nobody would ever be called by it"
        )


@attrs.frozen(kw_only=True)
class CallingHours:
    """Hours in which calls may be made, by the clock where the called person is.

    Several of them hold together: a call is made only where all are open.

    Attributes:
        name: Their name, which a deferral tells.
        week: Open spans of each day, Monday first. A span that ends after midnight is
            of the day on which it begins.
        states: States of the called numbers for which they hold; None for all.
        campaigns: Names of the campaigns for which they hold; None for all.
        holidays: Holidays on which ``on_holidays`` takes the place of ``week``.
        on_holidays: Open spans of a holiday; none as it stands. A span of the day
            before ends at midnight then.
    """

    name: str = attrs.field(validator=one_line)
    week: tuple[tuple[MinuteSpan, ...], ...] = attrs.field(validator=_week)
    states: frozenset[str] | None = attrs.field(default=None, validator=maybe_states)
    campaigns: frozenset[str] | None = None
    holidays: HolidayScope = HolidayScope.NONE
    on_holidays: tuple[MinuteSpan, ...] = attrs.field(
        default=(), validator=[_spans, _someone]
    )

    def hold_for(self, state: str, campaign: str) -> bool:
        """Whether they hold for a called state and a campaign."""
        return (self.states is None or state in self.states) and (
            self.campaigns is None or campaign in self.campaigns
        )


def week_of(table: object) -> tuple[tuple[MinuteSpan, ...], ...]:
    """Return the open spans of a week from the table of a rules file.

    Args:
        table: Spans by days, such as ``{"mon-fri": ["09:00-21:00"]}``.

    Raises:
        ConfigurationError: If it can't be used.
    """
    if not isinstance(table, Mapping) or not table:
        raise ConfigurationError(f"must be a table such as {_EXAMPLE}")
    week: dict[int, tuple[MinuteSpan, ...]] = {}
    for days, spans in table.items():
        for day in _days(days):
            # A day that is closed by an empty list is named, too: which of two lists
            # holds must not depend on their order.
            if day in week:
                raise ConfigurationError(f"names {_DAYS[day]} twice")
            week[day] = spans_of(spans)
    return tuple(week.get(day, ()) for day in range(len(_DAYS)))


@functools.cache
def hours_of_number(times: tuple[MinuteSpan, ...]) -> tuple["CallingHours", ...]:
    """Return the hours that a list gives one number; none where it gives no times.

    Args:
        times: Begin and end of each, in minutes from midnight; one that ends before it
            begins goes over midnight.
    """
    if not times:
        return ()
    spans = tuple(
        (start, end if end > start else end + DAY_MINUTES) for start, end in times
    )
    return (CallingHours(name="hours of the number", week=(spans,) * 7),)


def spans_of(values: object) -> tuple[MinuteSpan, ...]:
    """Return spans of a day from texts such as ``09:00-21:00``.

    Raises:
        ConfigurationError: If one can't be used.
    """
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ConfigurationError('must have lists of spans such as ["09:00-21:00"]')
    spans = sorted(map(_span, values))
    for (_, end), (start, _) in itertools.pairwise(spans):
        if start < end:
            raise ConfigurationError("has spans that overlap")
    return tuple(spans)


def _span(value: object) -> MinuteSpan:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        start = int(found[1]) * _HOUR + int(found[2])
        end = int(found[3]) * _HOUR + int(found[4])
        if start < DAY_MINUTES and end <= DAY_MINUTES and start != end:
            return start, end if end > start else end + DAY_MINUTES
    raise ConfigurationError(
        'must have spans such as "09:00-21:00"; "24:00" ends a day, and'
        ' "22:00-02:00" passes midnight'
    )


def _days(days: str) -> list[int]:
    """Return the days that ``mon``, ``mon-fri`` or ``all`` stands for."""
    if days == "all":
        return list(range(len(_DAYS)))
    first, _, last = days.partition("-")
    last = last or first
    if first in _DAYS and last in _DAYS:
        start, end = _DAYS.index(first), _DAYS.index(last)
        if start <= end:
            return list(range(start, end + 1))
    raise ConfigurationError(
        f'must name days as "mon", "mon-fri" or "all" (valid: {", ".join(_DAYS)})'
    )
