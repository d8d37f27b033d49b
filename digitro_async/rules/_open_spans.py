"""PURE: when hours are open in one place, exactly, whatever its clocks did."""

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from typing import Final

from digitro_async.errors import ConfigurationError
from digitro_async.rules._calling_hours import DAY_MINUTES, CallingHours, HolidayScope
from digitro_async.rules._day_calendar import DayCalendar
from digitro_async.rules._dialling_areas import CalledPlace

__all__ = ["HORIZON", "PlaceHours", "local_day", "next_midnight", "time_zone"]

HORIZON: Final = 400 * 86_400.0
"""Seconds after which hours that were not open are given up: more than a year."""

_DAY: Final = 86_400
_MINUTE: Final = 60
_LAST_CHANGE: Final = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - it is given a zone
_SINCE_THEN: Final = dt.timedelta(hours=-3)
_ABOLISHED: Final = "America/Sao_Paulo"


def time_zone(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone.

    Raises:
        ConfigurationError: If neither the system nor the package ``tzdata`` has it, or
            if what they have is from before 2019, when Brazil gave up summer time.
    """
    try:
        zone = zoneinfo.ZoneInfo(name)
        checked = zoneinfo.ZoneInfo(_ABOLISHED)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        raise ConfigurationError(
            f"the time zone {name} is not known here: the system has no time zone"
            " data. Install them: pip install tzdata"
        ) from None
    if _LAST_CHANGE.replace(tzinfo=checked).utcoffset() != _SINCE_THEN:
        raise ConfigurationError(
            "the time zone data of the system are from before 2019, and still have"
            " summer time in Brazil. Install newer ones: pip install -U tzdata, and"
            ' set PYTHONTZPATH="" so that the system\'s are not used'
        )
    return zone


def local_day(when: float, zone: zoneinfo.ZoneInfo) -> dt.date:
    """Return the calendar day of a moment in a zone."""
    return dt.datetime.fromtimestamp(when, zone).date()


def next_midnight(day: dt.date, zone: zoneinfo.ZoneInfo) -> float:
    """Return the moment at which a calendar day is over in a zone, for good."""
    after = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone)
    # Midnight comes twice where the clock goes back over it. Where it goes on, its time
    # by the old offset is the moment of the change.
    return max(after.timestamp(), after.replace(fold=1).timestamp())


class PlaceHours:
    """Hours in one place, as spans of Unix time.

    A moment is open if the clock on the wall says so. So an hour that came twice, when
    summer time ended, was open twice, and one that never was is not made up for.

    Args:
        hours: The hours.
        place: The place.
        calendar: The holidays.
    """

    def __init__(
        self, hours: CallingHours, place: CalledPlace, calendar: DayCalendar
    ) -> None:
        self.name = hours.name
        self._hours = hours
        self._place = place
        self._calendar = calendar
        self._zone = time_zone(place.zone)

    def spans(self, since: float) -> Iterator[tuple[float, float]]:
        """Yield the open spans that end after a moment, in order.

        Spans are cut at midnight. They end 400 days later, or where dates do.

        Args:
            since: The moment, a Unix time.
        """
        at: float = since // _DAY * _DAY - _DAY
        while at < since + HORIZON:
            offset = self._offset(at)
            local = at + offset
            end = (local // _DAY + 1) * _DAY - offset
            if self._offset(end) != offset:
                end = self._change(at, end, offset)
            midnight = local // _DAY * _DAY - offset
            for first, last in self._minutes(local_day(at, self._zone)):
                start = max(at, midnight + first * _MINUTE)
                stop = min(end, midnight + last * _MINUTE)
                if start < stop and stop > since:
                    yield start, stop
            at = end

    def open_at(self, when: float) -> tuple[float, float] | None:
        """Return the open span that a moment is in, or the next one; None if none."""
        return next(self.spans(when), None)

    def _minutes(self, day: dt.date) -> Iterator[tuple[int, int]]:
        """Yield the open minutes of a calendar day, in order."""
        is_holiday = self._is_holiday(day)
        if not is_holiday:
            for _, end in self._of_day(day - dt.timedelta(days=1)):
                if end > DAY_MINUTES:
                    yield 0, end - DAY_MINUTES
        for start, end in self._of_day(day):
            yield start, min(end, DAY_MINUTES)

    def _of_day(self, day: dt.date) -> tuple[tuple[int, int], ...]:
        if self._is_holiday(day):
            return self._hours.on_holidays
        return self._hours.week[day.weekday()]

    def _is_holiday(self, day: dt.date) -> bool:
        scope = self._hours.holidays
        if scope is HolidayScope.NONE:
            return False
        state = self._place.state if scope is HolidayScope.STATE else None
        return self._calendar.holiday(day, self._place.state, state) is not None

    def _offset(self, when: float) -> float:
        offset = dt.datetime.fromtimestamp(when, self._zone).utcoffset()
        return 0.0 if offset is None else offset.total_seconds()

    def _change(self, low: float, high: float, offset: float) -> float:
        """Return the first second at which the clock was changed."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == offset:
                low = middle
            else:
                high = middle
        return high
