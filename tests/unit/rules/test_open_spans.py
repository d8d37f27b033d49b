"""Hypothesis: the next moment allowed is allowed, and no earlier one is."""

import datetime as dt
import zoneinfo
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rule_values import moment, planned, wall

from digitro_async.rules import (
    ALLOW,
    CalledNumber,
    CalledPlace,
    CallingHours,
    DayCalendar,
    Defer,
    DiallingArea,
    HolidayScope,
    HoursGate,
    OwnHoliday,
    PlannedCall,
    area_of,
)

STEP = 300
"""Seconds between the moments that the oracle looks at; every span begins at one."""

DAYS = 12

# In Brazil clocks were changed at midnight alone; elsewhere they are in mid-day.
AREAS = (
    *(area for code in ("11", "21", "68", "97", "61") if (area := area_of(code))),
    DiallingArea("11", (CalledPlace("SP", "America/New_York"),)),
    DiallingArea("11", (CalledPlace("SP", "Australia/Lord_Howe"),)),
)
STATES = ("SP", "RJ", "AC", "AM", "DF", "GO")

# A change of the clocks is within reach of most of these days.
BEGINNINGS = [
    dt.datetime(2018, 10, 28, tzinfo=dt.UTC),
    dt.datetime(2018, 2, 11, tzinfo=dt.UTC),
    dt.datetime(2018, 3, 9, tzinfo=dt.UTC),
    dt.datetime(2018, 11, 1, tzinfo=dt.UTC),
    dt.datetime(2018, 4, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 28, tzinfo=dt.UTC),
]

minutes = st.integers(0, 287).map(lambda number: number * 5)


@st.composite
def spans(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Spans of a day that do not overlap; the last one may pass midnight."""
    points = sorted(draw(st.sets(minutes, max_size=4)))
    pairs = list(zip(points[::2], points[1::2], strict=False))
    if len(points) % 2:
        pairs.append((points[-1], 1440 + draw(minutes) % (points[-1] or 5)))
    return tuple(pair for pair in pairs if pair[0] < pair[1] <= pair[0] + 1440)


@st.composite
def some_hours(draw: st.DrawFn) -> CallingHours:
    """Hours of any week, of some states, which may keep holidays."""
    kinds = draw(st.lists(spans(), min_size=1, max_size=3))
    week = tuple(kinds[draw(st.integers(0, len(kinds) - 1))] for _ in range(7))
    assume(any(week))  # hours that are never open are refused
    return CallingHours(
        name="any",
        week=week,
        states=draw(st.none() | st.frozensets(st.sampled_from(STATES), min_size=1)),
        holidays=draw(st.sampled_from(HolidayScope)),
        on_holidays=draw(st.just(()) | spans()),
    )


def is_open(
    hours: CallingHours, holidays: set[dt.date], zone: str, when: float
) -> bool:
    """Whether hours are open by the clock on the wall: slow, and plainly right."""
    local = dt.datetime.fromtimestamp(when, zoneinfo.ZoneInfo(zone))
    minute = local.hour * 60 + local.minute

    def of_day(day: dt.date) -> Sequence[tuple[int, int]]:
        if hours.holidays is not HolidayScope.NONE and day in holidays:
            return hours.on_holidays
        return hours.week[day.weekday()]

    today = local.date()
    is_holiday = hours.holidays is not HolidayScope.NONE and today in holidays
    before = () if is_holiday else of_day(today - dt.timedelta(days=1))
    return any(start <= minute < end for start, end in of_day(today)) or any(
        minute + 1440 < end for _, end in before
    )


@pytest.mark.parametrize("area", AREAS[-2:])
@pytest.mark.parametrize(
    "day", ["2018-03-11", "2018-11-04", "2018-04-01", "2018-10-07"]
)
def test_clocks_that_change_in_mid_day(area: DiallingArea, day: str) -> None:
    """Hours after a change of the clocks are those of the new time."""
    [zone] = area.zones
    hours = CallingHours(name="ten", week=(((600, 660),),) * 7)
    call = PlannedCall(contact=1, number=CalledNumber(1, area))
    when = moment(f"{day} 00:30", zone)

    answer = HoursGate([hours]).ask(call, when)
    assert isinstance(answer, Defer)
    assert wall(answer.until, zone) == f"{day} 10:00:00"


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_next_moment_is_the_first_one(data: st.DataObject) -> None:
    """A deferral ends at the first moment that all hours allow, and not before."""
    rules = data.draw(st.lists(some_hours(), min_size=1, max_size=3))
    area = data.draw(st.sampled_from(AREAS))
    began = data.draw(st.sampled_from(BEGINNINGS))
    offset = data.draw(st.integers(0, 7 * 86_400 // STEP)) * STEP
    inner = data.draw(st.integers(0, STEP - 1))
    when = began.timestamp() + offset + inner
    days = {
        began.date() + dt.timedelta(days=day)
        for day in data.draw(st.sets(st.integers(0, DAYS), max_size=3))
    }
    calendar = DayCalendar([OwnHoliday(day=day) for day in days], of_library=False)

    call = PlannedCall(contact=1, number=CalledNumber(1, area))

    def allowed(at: float) -> bool:
        return all(
            is_open(one, days, place.zone, at)
            for place in area.places
            for one in rules
            if one.hold_for(place.state, "")
        )

    answer = HoursGate(rules, calendar).ask(call, when)

    if answer is ALLOW:
        assert allowed(when)
        return
    assert not allowed(when)
    last = when + DAYS * 86_400
    if isinstance(answer, Defer):
        assert answer.until > when
        assert allowed(answer.until)
        assert not allowed(answer.until - 0.5)
        last = min(last, answer.until)
    at = when - inner + STEP
    while at < last:
        assert not allowed(at)
        at += STEP


@settings(max_examples=100, deadline=None)
@given(
    rules=st.lists(some_hours(), min_size=1, max_size=3),
    steps=st.lists(st.integers(-40, 100), min_size=2, max_size=12),
)
def test_what_was_asked_before_does_not_matter(
    rules: list[CallingHours], steps: list[int]
) -> None:
    """A gate that was asked at other moments answers as one that was not."""
    calendar = DayCalendar(of_library=False)
    gate = HoursGate(rules, calendar)
    when = BEGINNINGS[0].timestamp()
    for step in steps:
        when += step * STEP
        fresh = HoursGate(rules, calendar).ask(planned(), when)
        assert type(gate.ask(planned(), when)) is type(fresh)
        if isinstance(fresh, Defer):
            asked = gate.ask(planned(), when)
            assert isinstance(asked, Defer)
            assert asked.until == fresh.until
