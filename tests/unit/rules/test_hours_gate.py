"""When calls may be made: time travel over windows, holidays, states and clocks."""

import datetime as dt
import zoneinfo
from typing import Any

import pytest
from rule_values import moment, planned, wall

from digitro_async.errors import ConfigurationError
from digitro_async.rules import (
    ALLOW,
    CallingHours,
    DayCalendar,
    Defer,
    GateReason,
    HolidayScope,
    HoursGate,
    OwnHoliday,
    Refuse,
    spans_of,
    week_of,
)

OFFICE = {"mon-fri": ["08:00-20:00"]}


def hours(week: Any = None, **fields: Any) -> CallingHours:
    """Hours with a week as a rules file writes it."""
    given: dict[str, Any] = {"name": "hours", **fields}
    return CallingHours(week=week_of(OFFICE if week is None else week), **given)


RJ = hours({"mon-fri": ["08:00-18:00"]}, name="RJ", states=frozenset({"RJ"}))
NIGHT = hours({"mon-fri": ["22:00-02:00"]})
DAILY = hours({"all": ["09:00-12:00", "14:00-18:00"]})
NATIONAL = hours(holidays=HolidayScope.NATIONAL)
OF_STATE = hours(holidays=HolidayScope.STATE)
MORNING = hours(holidays=HolidayScope.NATIONAL, on_holidays=((600, 720),))
SP, RIO, ACRE, WEST, UNKNOWN = (
    *("011987654321", "021987654321", "068987654321", "097987654321"),
    "40041234",
)

# 2026-11-30 is a Monday.
TRAVEL = [
    ("inside", [hours()], SP, "2026-11-30 19:59:59", None),
    ("the end is outside", [hours()], SP, "2026-11-30 20:00", "2026-12-01 08:00"),
    ("before", [hours()], SP, "2026-11-30 07:59:59", "2026-11-30 08:00"),
    ("over the weekend", [hours()], SP, "2026-12-04 20:30", "2026-12-07 08:00"),
    ("between two", [DAILY], SP, "2026-11-30 12:00", "2026-11-30 14:00"),
    ("before midnight", [NIGHT], SP, "2026-11-30 23:59:59", None),
    ("after midnight", [NIGHT], SP, "2026-12-01 01:59:59", None),
    ("Friday's night", [NIGHT], SP, "2026-12-05 01:59:59", None),
    ("not Sunday's night", [NIGHT], SP, "2026-11-30 01:00", "2026-11-30 22:00"),
    ("state earlier", [hours(), RJ], RIO, "2026-11-30 18:00", "2026-12-01 08:00"),
    ("state elsewhere", [hours(), RJ], SP, "2026-11-30 18:00", None),
    ("Acre opens later", [hours()], ACRE, "2026-11-30 09:59", "2026-11-30 10:00"),
    ("Acre closes later", [hours()], ACRE, "2026-11-30 21:59", None),
    ("two zones, later", [hours()], WEST, "2026-11-30 09:59", "2026-11-30 10:00"),
    ("two zones, earlier", [hours()], WEST, "2026-11-30 21:00", "2026-12-01 10:00"),
    ("unknown, last zone", [hours()], UNKNOWN, "2026-11-30 09:59", "2026-11-30 10:00"),
    ("unknown, Noronha", [hours()], UNKNOWN, "2026-11-30 19:00", "2026-12-01 10:00"),
    ("unknown, RJ", [hours(), RJ], UNKNOWN, "2026-11-30 18:00", "2026-12-01 10:00"),
    ("Christmas", [NATIONAL], SP, "2026-12-24 21:00", "2026-12-28 08:00"),
    ("holiday's hours", [MORNING], SP, "2026-12-25 12:00", "2026-12-28 08:00"),
    ("holiday's morning", [MORNING], SP, "2026-12-24 21:00", "2026-12-25 10:00"),
    ("9 July, SP", [OF_STATE], SP, "2026-07-08 21:00", "2026-07-10 08:00"),
    ("9 July, RJ", [OF_STATE], RIO, "2026-07-08 21:00", "2026-07-09 08:00"),
    ("9 July, national", [NATIONAL], SP, "2026-07-08 21:00", "2026-07-09 08:00"),
    ("9 July, unknown", [OF_STATE], UNKNOWN, "2026-07-08 21:00", "2026-07-10 10:00"),
]


@pytest.mark.parametrize(
    ("rules", "number", "at", "until"),
    [case[1:] for case in TRAVEL],
    ids=[case[0] for case in TRAVEL],
)
def test_time_travel(
    rules: list[CallingHours], number: str, at: str, until: str | None
) -> None:
    """A call is made while all hours are open that hold for it, and else put off."""
    answer = HoursGate(rules).ask(planned(number), moment(at))

    if until is None:
        assert answer is ALLOW
        return
    assert isinstance(answer, Defer)
    assert wall(answer.until).startswith(until)
    assert answer.reason is GateReason.OUTSIDE_HOURS


EARLY = hours({"all": ["00:30-06:00"]})
LATE = hours({"all": ["23:15-23:45"]})

# São Paulo: 2018-11-04 began at 01:00, and 2018-02-17 had the hour from 23:00 twice.
CHANGES = [
    ("the gap opens at its end", EARLY, "2018-11-03 23:59", 0, "2018-11-04 01:00"),
    ("first time", LATE, "2018-02-17 23:20", 0, None),
    ("between both", LATE, "2018-02-17 23:50", 0, "2018-02-17 23:15"),
    ("second time", LATE, "2018-02-17 23:20", 1, None),
    ("after both", LATE, "2018-02-17 23:50", 1, "2018-02-18 23:15"),
    ("in summer", hours(), "2019-01-15 07:59", 0, "2019-01-15 08:00"),
    ("no summer since", hours(), "2020-01-15 07:59", 0, "2020-01-15 08:00"),
]


@pytest.mark.parametrize(
    ("rule", "at", "fold", "until"),
    [case[1:] for case in CHANGES],
    ids=[case[0] for case in CHANGES],
)
def test_summer_time(rule: CallingHours, at: str, fold: int, until: str | None) -> None:
    """Where the clock was changed, what counts is what it showed."""
    when = moment(at, fold=fold)
    answer = HoursGate([rule]).ask(planned(), when)

    if until is None:
        assert answer is ALLOW
        return
    assert isinstance(answer, Defer)
    assert answer.until > when
    assert wall(answer.until).startswith(until)


def test_a_clock_that_is_set_back() -> None:
    """The answer is that of the moment asked about, whatever was asked before."""
    gate = HoursGate([hours()])
    times = ["2026-11-30 12:00", "2026-11-30 21:00", "2026-11-30 07:00"]
    asked = [gate.ask(planned(), moment(at)) for at in (*times, *times)]

    assert asked[:3] == asked[3:]
    assert asked[0] is ALLOW
    assert [wall(one.until)[:16] for one in asked[1:3] if isinstance(one, Defer)] == [
        "2026-12-01 08:00",
        "2026-11-30 08:00",
    ]


def test_own_hours_of_a_number() -> None:
    """The hours of a number hold together with those of the campaign."""
    own = hours({"all": ["19:00-23:00"]}, name="evenings")
    gate = HoursGate([hours()])
    call = planned(hours=(own,))

    assert gate.ask(call, moment("2026-11-30 19:30")) is ALLOW
    answer = gate.ask(call, moment("2026-11-30 12:00"))
    assert answer == Defer(
        moment("2026-11-30 19:00"), GateReason.OUTSIDE_HOURS, "evenings"
    )
    assert gate.ask(planned(), moment("2026-11-30 12:00")) is ALLOW


def test_hours_of_a_campaign() -> None:
    """Hours hold for the campaigns that they name."""
    gate = HoursGate([hours(campaigns=frozenset({"day"}))])
    night = moment("2026-11-30 23:00")

    assert isinstance(gate.ask(planned(campaign="day"), night), Defer)
    assert gate.ask(planned(campaign="night"), night) is ALLOW


def test_hours_that_never_meet() -> None:
    """Hours that are never open together refuse, and do not search for ever."""
    gate = HoursGate([hours({"mon": ["08:00-09:00"]}), hours({"tue": ["08:00-09:00"]})])

    answer = gate.ask(planned(), moment("2026-11-30 12:00"))
    assert isinstance(answer, Refuse)
    assert answer.reason is GateReason.NO_HOURS


def test_holidays_of_the_user() -> None:
    """A holiday of the user's own closes its state alone, without the library too."""
    own = [OwnHoliday(day=dt.date(2026, 12, 1), state="SP", name="ours")]
    gate = HoursGate([NATIONAL], DayCalendar(own, of_library=False))
    late = moment("2026-11-30 21:00")

    closed, opened = gate.ask(planned(SP), late), gate.ask(planned(RIO), late)
    assert isinstance(closed, Defer)
    assert isinstance(opened, Defer)
    assert wall(closed.until).startswith("2026-12-02 08:00")
    assert wall(opened.until).startswith("2026-12-01 08:00")


def test_optional_days() -> None:
    """Carnival is a day like others, unless optional days count."""
    carnival = dt.date(2026, 2, 17)

    assert DayCalendar().holiday(carnival, "SP", "SP") is None
    assert DayCalendar(optional=True).holiday(carnival, "SP", "SP") is not None


def test_without_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no time zones the error says what to install."""

    def missing(name: str) -> Any:
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
    with pytest.raises(ConfigurationError, match="pip install tzdata"):
        HoursGate([hours()]).ask(planned(), 0.0)


def test_with_old_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time zone data that still have summer time in Brazil are refused."""
    summer = dt.timezone(dt.timedelta(hours=-2))
    monkeypatch.setattr(zoneinfo, "ZoneInfo", lambda name: summer)
    with pytest.raises(ConfigurationError, match="before 2019"):
        HoursGate([hours()]).ask(planned(), 0.0)


@pytest.mark.parametrize(
    ("week", "problem"),
    [
        ({}, "must be a table such as"),
        ([], "must be a table such as"),
        ({"mon-fri": "08:00-20:00"}, "must have lists"),
        ({"mon-fri": ["8:00-20:00"]}, "must have spans"),
        ({"mon-fri": ["08:00-24:01"]}, "must have spans"),
        ({"mon-fri": ["24:00-24:00"]}, "must have spans"),
        ({"mon-fri": ["08:00-08:00"]}, "must have spans"),
        ({"mon-fri": ["08:00-12:00", "11:00-13:00"]}, "overlap"),
        ({"fri-mon": ["08:00-12:00"]}, "must name days"),
        ({"monday": ["08:00-12:00"]}, "must name days"),
        ({"mon-fri": ["08:00-12:00"], "fri": ["14:00-15:00"]}, "names fri twice"),
        ({"sun": [], "all": ["08:00-12:00"]}, "names sun twice"),
        ({"all": ["08:00-12:00"], "sun": []}, "names sun twice"),
    ],
)
def test_what_is_no_week(week: object, problem: str) -> None:
    """A week that can't be read is refused, and the error says what is wanted."""
    with pytest.raises(ConfigurationError, match=problem):
        week_of(week)


def test_spans() -> None:
    """Spans may end a day, and may pass midnight."""
    assert spans_of(["20:00-24:00", "00:00-01:30"]) == ((0, 90), (1200, 1440))
    assert spans_of(["22:00-02:00"]) == ((1320, 1560),)


@pytest.mark.parametrize("states", [frozenset(), frozenset({"XX"})])
def test_states_of_hours(states: frozenset[str]) -> None:
    """Hours are for states that there are."""
    with pytest.raises(ConfigurationError, match="states must"):
        hours(states=states)


def test_hours_come_in_order() -> None:
    """Spans of a program are in order: the next opening is the first that is found."""
    with pytest.raises(ConfigurationError, match="must be in order"):
        CallingHours(name="x", week=(((780, 1200), (480, 720)),) * 7)


def test_nobody_could_ever_be_called() -> None:
    """Hours without any time are for some states or campaigns, and not for all."""
    with pytest.raises(ConfigurationError, match="week has no open time"):
        hours({"all": []})
    assert hours({"all": []}, states=frozenset({"AC"})).hold_for("AC", "")
    assert hours({"all": []}, on_holidays=((480, 720),)).on_holidays


def test_after_a_closed_day() -> None:
    """A call that a holiday or a closed day puts off waits for the opening after it."""
    week = week_of({"mon-fri": ["09:00-12:00", "14:00-18:00"], "sat": ["10:00-12:00"]})
    own = [OwnHoliday(day=dt.date(2026, 12, 4)), OwnHoliday(day=dt.date(2026, 12, 5))]
    gate = HoursGate(
        [CallingHours(name="x", week=week, holidays=HolidayScope.NATIONAL)],
        DayCalendar(own, of_library=False),
    )
    for asked in ("2026-12-03 18:00", "2026-12-04 10:00", "2026-12-05 11:00"):
        answer = gate.ask(planned(), moment(asked))
        assert isinstance(answer, Defer)
        assert wall(answer.until) == "2026-12-07 09:00:00"  # a Monday
