"""Short calls by day and originating number, and the numbers that calls show."""

import tomllib
from importlib import resources
from typing import Any

import pytest
from rule_values import attempt, moment, planned, wall

from digitro_async.call_events import Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.rules import (
    ALLOW,
    DayCounts,
    Defer,
    GateReason,
    MemoryAttemptHistory,
    OriginatingNumber,
    OriginatingPool,
    ShortCallCounter,
    ShortCallGate,
    ShortCallLevel,
    ShortCallRule,
)
from digitro_async.rules._short_calls import is_short

RULE = ShortCallRule(
    short_seconds=6, stop_calls=10, stop_share=0.85, warn_calls=5, warn_share=0.5
)
NOON = moment("2026-11-30 12:00")


def counter(calls: int, short: int, **fields: Any) -> ShortCallCounter:
    """Counts of a day with so many calls of one number, of which so many are short."""
    given: dict[str, Any] = {
        "short_seconds": 6,
        "stop_calls": 10,
        "stop_share": 0.85,
        "warn_calls": 5,
        "warn_share": 0.5,
        **fields,
    }
    made = ShortCallCounter(ShortCallRule(**given))
    for place in range(calls):
        talked = 3.0 if place < short else 60.0
        made.begin("4832817000", NOON + place)
        made.end("4832817000", NOON + place, Disposition.ANSWERED, talked)
    return made


@pytest.mark.parametrize(
    ("disposition", "talked", "short"),
    [
        (Disposition.ANSWERED, 6.0, True),
        (Disposition.ANSWERED, 6.1, False),
        (Disposition.ANSWERED, None, None),
        (Disposition.ABANDONED, 3.0, True),
        (Disposition.ENDED, 60.0, False),
        (Disposition.BUSY, None, True),
        (Disposition.NO_ANSWER, None, True),
        (Disposition.MACHINE, 60.0, True),
        (Disposition.NONE_SEEN, None, None),
    ],
)
def test_what_is_short(
    disposition: Disposition, talked: float | None, short: bool | None
) -> None:
    """A call is short if nobody took it, or if it was over within the seconds."""
    assert is_short(RULE, disposition, talked) is short


@pytest.mark.parametrize(
    ("calls", "short", "level"),
    [
        (4, 4, ShortCallLevel.QUIET),
        (5, 2, ShortCallLevel.QUIET),
        (5, 3, ShortCallLevel.WARN),
        (9, 9, ShortCallLevel.WARN),
        (10, 8, ShortCallLevel.WARN),
        (10, 9, ShortCallLevel.STOP),
    ],
)
def test_levels(calls: int, short: int, level: ShortCallLevel) -> None:
    """A day warns and stops where both the calls and the share are reached."""
    assert counter(calls, short).level(None, NOON) is level


def test_a_stopped_day_is_over_at_midnight() -> None:
    """After too many short calls the next ones wait for the next day."""
    gate = ShortCallGate(counter(10, 10))

    answer = gate.ask(planned(), NOON)
    assert isinstance(answer, Defer)
    assert wall(answer.until) == "2026-12-01 00:00:00"
    assert answer.reason is GateReason.SHORT_CALLS
    assert gate.ask(planned(), answer.until) is ALLOW


def test_each_number_by_itself() -> None:
    """Where each originating number is counted, one that is quiet goes on."""
    gate = ShortCallGate(counter(10, 10, per_number=True))

    assert isinstance(gate.ask(planned(originating="4832817000"), NOON), Defer)
    assert gate.ask(planned(originating="4832817001"), NOON) is ALLOW


def test_calls_count_on_the_day_they_began() -> None:
    """A call over midnight is of the day before, and old days are forgotten."""
    made = ShortCallCounter(RULE)
    late = moment("2026-11-30 23:59:59")
    made.begin("1", late)
    made.end("1", late, Disposition.BUSY)

    assert made.of_day("1", late) == DayCounts(1, 1, 1)
    assert made.of_day("1", late + 1) == DayCounts()
    for day in range(1, 5):
        made.begin("1", late + day * 86_400)
    assert made.of_day("1", late) == DayCounts()
    made.end("1", late, Disposition.BUSY)
    assert made.of_all(late) == DayCounts()


def test_the_published_figures_have_sources() -> None:
    """The figures that ship have a date and sources, and can be replaced."""
    file = resources.files("digitro_async.rules") / "data" / "short_calls.toml"
    about = tomllib.loads(file.read_text(encoding="utf-8"))["about"]

    assert about["date"]
    assert about["sources"]
    published = ShortCallRule.published(stop_calls=500)
    assert (published.short_seconds, published.stop_calls) == (6.0, 500)


def pool(rotate: bool = False, most: int | None = 2) -> OriginatingPool:
    """A pool of three numbers, one of which is for DDD 48."""
    return OriginatingPool(
        [
            OriginatingNumber(
                number="4832817000", areas=frozenset({"48"}), most_per_day=most
            ),
            OriginatingNumber(
                number="1132817001", areas=frozenset({"11"}), most_per_day=most
            ),
            OriginatingNumber(
                number="1132817002", areas=frozenset({"11"}), most_per_day=most
            ),
        ],
        rotate=rotate,
    )


def test_a_contact_keeps_its_number() -> None:
    """The choice follows from the contact, and from its last call once there is one."""
    made = MemoryAttemptHistory()
    counts = ShortCallCounter(RULE)
    chosen = {
        contact: pool().choose(planned(contact=contact), made, counts, NOON)
        for contact in range(50)
    }

    assert set(chosen.values()) == {"1132817001", "1132817002"}
    for contact, number in chosen.items():
        again = pool().choose(planned(contact=contact), made, counts, NOON)
        assert again == number
    other = "1132817002" if chosen[1] == "1132817001" else "1132817001"
    made.add(attempt("011987654321", NOON, originating=other))
    assert pool().choose(planned(contact=1), made, counts, NOON) == other


def test_numbers_are_for_areas() -> None:
    """A called area has its own numbers, and all where it has none."""
    made, counts = MemoryAttemptHistory(), ShortCallCounter(RULE)

    def choose(number: str, contact: int) -> Any:
        return pool().choose(planned(number, contact=contact), made, counts, NOON)

    assert choose("048987654321", 1) == "4832817000"
    assert len({choose("021987654321", contact) for contact in range(50)}) == 3


def test_a_number_with_a_full_day() -> None:
    """A call waits for its number's next day, unless numbers are rotated."""
    made, counts = MemoryAttemptHistory(), ShortCallCounter(RULE)
    call = planned(contact=1)
    first = pool().choose(call, made, counts, NOON)
    assert isinstance(first, str)
    for _ in range(2):
        counts.begin(first, NOON)

    answer = pool().choose(call, made, counts, NOON)
    assert isinstance(answer, Defer)
    assert wall(answer.until) == "2026-12-01 00:00:00"
    other = pool(rotate=True).choose(call, made, counts, NOON)
    assert isinstance(other, str)
    assert other != first
    assert pool().choose(call, made, counts, answer.until) == first


def test_an_empty_pool() -> None:
    """A pool has a number, of digits."""
    with pytest.raises(ConfigurationError, match="one originating number"):
        OriginatingPool([])
    with pytest.raises(ConfigurationError, match="number must be text of digits"):
        OriginatingNumber(number="(48) 3281")
