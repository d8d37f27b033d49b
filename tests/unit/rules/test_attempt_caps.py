"""Caps and spacings, each with its clock and with what it counts."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_values import attempt, moment, planned, wall

from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError, Outcome
from digitro_async.rules import (
    ALLOW,
    AttemptCap,
    AttemptGate,
    CapClock,
    Counted,
    Defer,
    GateReason,
    MemoryAttemptHistory,
    NotBeforeGate,
    PastAttempt,
    Refuse,
    Spacing,
)

SP, ACRE, OTHER = "011987654321", "068987654321", "011912345678"


def history(*attempts: PastAttempt) -> MemoryAttemptHistory:
    """A history that holds attempts."""
    made = MemoryAttemptHistory()
    for one in attempts:
        made.add(one)
    return made


def cap(most: int = 2, clock: CapClock = CapClock.DAY, **fields: Any) -> AttemptCap:
    """A cap of two a day, if nothing else is said."""
    given: dict[str, Any] = {"name": "cap", **fields}
    return AttemptCap(most=most, clock=clock, **given)


def ask(
    rule: AttemptCap | Spacing,
    attempts: list[PastAttempt],
    at: str,
    number: str = SP,
    **fields: Any,
) -> Any:
    """What one rule says at a moment."""
    caps = [rule] if isinstance(rule, AttemptCap) else []
    spacings = [rule] if isinstance(rule, Spacing) else []
    gate = AttemptGate(history(*attempts), caps=caps, spacings=spacings)
    return gate.ask(planned(number, **fields), moment(at))


def test_a_calendar_day_ends_where_the_person_is() -> None:
    """A cap of the day is free again at midnight of the called state."""
    for number, free in ((SP, "2026-12-01 00:00"), (ACRE, "2026-12-01 02:00")):
        made = [
            attempt(number, moment("2026-11-30 09:00")),
            attempt(number, moment("2026-11-30 12:00")),
        ]
        assert ask(cap(3), made, "2026-11-30 13:00", number) is ALLOW
        answer = ask(cap(), made, "2026-11-30 13:00", number)
        assert wall(answer.until).startswith(free)
        assert answer.reason is GateReason.ATTEMPT_CAP
        assert ask(cap(), made, wall(answer.until), number) is ALLOW


def test_a_late_attempt_is_of_its_own_day() -> None:
    """In Acre it is still the day before while it is morning in São Paulo."""
    made = [attempt(ACRE, moment("2026-12-01 01:00"))]

    answer = ask(cap(1), made, "2026-12-01 01:30", ACRE)
    assert wall(answer.until).startswith("2026-12-01 02:00")


def test_a_day_of_an_unknown_place_ends_last() -> None:
    """A number that does not tell its place is free when the day is over everywhere."""
    made = [attempt("40041234", moment("2026-11-30 12:00"))]

    answer = ask(cap(1), made, "2026-11-30 12:30", "40041234")
    assert wall(answer.until).startswith("2026-12-01 02:00")


def test_rolling_hours() -> None:
    """A rolling cap is free when the oldest attempt that counts is old enough."""
    rolling = cap(2, CapClock.ROLLING, hours=24)
    made = [
        attempt(SP, moment("2026-11-29 22:00")),
        attempt(SP, moment("2026-11-30 09:00")),
        attempt(SP, moment("2026-11-30 10:00")),
    ]

    answer = ask(rolling, made, "2026-11-30 23:00")
    assert wall(answer.until) == "2026-12-01 09:00:00"
    assert ask(rolling, made, "2026-12-01 09:00") is ALLOW
    assert isinstance(ask(rolling, made, "2026-12-01 08:59:59"), Defer)


def test_a_lifetime_cap_refuses() -> None:
    """A cap for life is never free again."""
    made = [attempt(SP, moment("2019-01-01 10:00"))]

    answer = ask(cap(1, CapClock.LIFETIME), made, "2026-11-30 12:00")
    assert answer == Refuse(GateReason.ATTEMPT_CAP, "cap")


@pytest.mark.parametrize(
    ("counts", "all_campaigns", "counted"),
    [
        (Counted.NUMBER, True, 3),
        (Counted.NUMBER, False, 2),
        (Counted.CONTACT, True, 4),
        (Counted.CONTACT, False, 3),
    ],
)
def test_what_is_counted(counts: Counted, all_campaigns: bool, counted: int) -> None:
    """A rule counts by number or by contact, of one campaign or of all."""
    at = moment("2026-11-30 09:00")
    made = [
        attempt(SP, at, contact=1, campaign="this"),
        attempt(SP, at + 1, contact=1, campaign="this"),
        attempt(OTHER, at + 2, contact=1, campaign="this"),
        attempt(SP if counts is Counted.NUMBER else OTHER, at + 3, campaign="other"),
    ]
    fields: dict[str, Any] = {"counts": counts, "all_campaigns": all_campaigns}

    free = cap(counted + 1, **fields)
    full = cap(counted, **fields)
    assert ask(free, made, "2026-11-30 10:00", campaign="this") is ALLOW
    assert ask(full, made, "2026-11-30 10:00", campaign="this") is not ALLOW


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (None, True),
        (Outcome.ACCEPTED, True),
        (Outcome.UNKNOWN, True),
        (Outcome.REJECTED, False),
        (Outcome.REFUSED, False),
        (Outcome.NOT_SENT, False),
        (Outcome.INVALID, False),
    ],
)
def test_what_may_have_rung_counts(outcome: Outcome | None, counts: bool) -> None:
    """An attempt counts as soon as it may ring, also where nobody knows."""
    made = [attempt(SP, moment("2026-11-30 09:00"), None, outcome=outcome)]

    assert (ask(cap(1), made, "2026-11-30 10:00") is not ALLOW) == counts


def test_caps_of_states() -> None:
    """A cap of states holds there, and where the state is not known."""
    acre = cap(1, states=frozenset({"AC"}))
    for number, holds in ((SP, False), (ACRE, True), ("40041234", True)):
        made = [attempt(number, moment("2026-11-30 09:00"))]
        answer = ask(acre, made, "2026-11-30 10:00", number)
        assert (answer is not ALLOW) == holds


def test_spacing_counts_from_the_end() -> None:
    """The time between two attempts begins when the first one has ended."""
    rule = Spacing(name="2 h", least=7200)
    made = [attempt(SP, moment("2026-11-30 09:00"), lasted=600)]

    answer = ask(rule, made, "2026-11-30 11:00")
    assert wall(answer.until) == "2026-11-30 11:10:00"
    assert answer.reason is GateReason.SPACING
    assert ask(rule, made, "2026-11-30 11:10") is ALLOW


def test_spacing_counts_from_the_last_end() -> None:
    """Of several attempts the one counts that ended last, whichever began first."""
    rule = Spacing(name="1 h", least=3600)
    made = [
        attempt(SP, moment("2026-11-30 09:00"), lasted=1800),
        attempt(SP, moment("2026-11-30 09:10"), lasted=60),
    ]

    assert wall(ask(rule, made, "2026-11-30 09:40").until) == "2026-11-30 10:30:00"


def test_spacing_of_an_open_end() -> None:
    """A call whose end is not known is taken to last as long as is set."""
    rule = Spacing(name="1 h", least=3600, assumed=1800)
    made = [attempt(SP, moment("2026-11-30 09:00"), None, lasted=None)]

    answer = ask(rule, made, "2026-11-30 09:01")
    assert wall(answer.until) == "2026-11-30 10:30:00"


def test_a_clock_set_back_never_shortens() -> None:
    """Attempts that lie after the moment count as if they had just been made."""
    made = [attempt(SP, moment("2026-12-02 09:00"))]

    for rule in (
        cap(1),
        cap(1, CapClock.ROLLING, hours=24),
        Spacing(name="2 h", least=7200),
    ):
        answer = ask(rule, made, "2026-11-30 10:00")
        assert isinstance(answer, Defer)
        assert answer.until > moment("2026-12-02 09:00")


def test_put_off() -> None:
    """A contact that was put off is deferred until its time, and no longer."""
    known = MemoryAttemptHistory()
    gate = NotBeforeGate(known)
    known.put_off(1, 100.0)

    assert gate.ask(planned(), 99.0) == Defer(100.0, GateReason.NOT_BEFORE, "put off")
    assert gate.ask(planned(), 100.0) is ALLOW
    assert gate.ask(planned(contact=2), 99.0) is ALLOW
    known.put_off(1, None)
    assert gate.ask(planned(), 99.0) is ALLOW


def test_what_is_known_later_takes_the_place_of_what_was() -> None:
    """An attempt that ended stands in the history once."""
    begun = attempt(SP, 10.0, None, lasted=None, outcome=None)
    made = history(begun)
    made.replace(begun, attempt(SP, 10.0))

    [found] = made.of_contact(1)
    assert found.disposition is Disposition.BUSY
    assert made.of_number(found.number) == [found]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"most": 0}, "most must be"),
        ({"clock": CapClock.ROLLING}, "hours must be"),
        ({"clock": CapClock.DAY, "hours": 24}, "hours is for"),
    ],
)
def test_wrong_caps(fields: dict[str, Any], problem: str) -> None:
    """A cap that can't be kept is refused."""
    with pytest.raises(ConfigurationError, match=problem):
        cap(**fields)


@settings(max_examples=150, deadline=None)
@given(
    most=st.integers(1, 3),
    hours=st.integers(1, 30),
    times=st.lists(st.integers(0, 200_000), max_size=8),
    when=st.integers(0, 300_000),
)
def test_rolling_caps_by_an_oracle(
    most: int, hours: int, times: list[int], when: int
) -> None:
    """A rolling cap is free exactly when fewer attempts lie in its hours."""
    rule = cap(most, CapClock.ROLLING, hours=hours)
    made = [attempt(SP, float(time)) for time in times]
    gate = AttemptGate(history(*made), caps=[rule])

    def is_free(at: float) -> bool:
        return sum(at < time + hours * 3600 for time in times) < most

    answer = gate.ask(planned(SP), when)
    assert (answer is ALLOW) == is_free(when)
    if isinstance(answer, Defer):
        assert is_free(answer.until)
        assert not is_free(answer.until - 1)
