"""The check finds the errors of a world that broke, in records made wrong by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest
from crash_violations import Event, Row
from crash_world_check import HOUR, Answered, check_world, true_time

from digitro_async.ledger import State, Step

BEGAN = 1000.0
DUPLICATE = "duplicate_answer"


@attrs.frozen(kw_only=True)
class World:
    """A campaign over two PABX that ended, as the checker is shown it."""

    records: Sequence[Sequence[Answered]]
    rows: Sequence[Row]
    events: Sequence[Event]
    reasons: Mapping[int, str]
    began: float = BEGAN
    imported: Sequence[str]
    kills: int = 0
    in_flight: int = 2
    ambiguous_faults: int = 0
    rates: Sequence[int] = (2, 1)

    def change(self, number: int, **changes: Any) -> "World":
        """Return it with another row of one contact."""
        rows = [
            attrs.evolve(row, **changes) if row.number == number else row
            for row in self.rows
        ]
        return attrs.evolve(self, rows=rows)

    def kinds(self) -> set[str]:
        """Return the kinds of what the checker finds."""
        return {one.kind for one in check_world(**attrs.asdict(self, recurse=False))[0]}

    def silent(self) -> int:
        """Return how many calls it excuses."""
        return check_world(**attrs.asdict(self, recurse=False))[1]


def post(number: int, at: float, **fields: Any) -> Answered:
    """Return a POST half a second after that moment."""
    given = {"call_id": f"id {number}", "connection": 1, **fields}
    return Answered(
        destination=f"00{number}", at=at, wall=BEGAN + at + 0.5, placed=True, **given
    )


def called(number: int, at: float, hours: int, step: Step) -> list[Event]:
    """Return the events of a call, by a clock that is wrong by ``hours``."""
    shown = BEGAN + at + hours * HOUR
    return [Event(number, Step.INTEND, shown), Event(number, step, shown + 0.6)]


def accepted(number: int) -> Row:
    """Return a contact that was accepted as its PABX says."""
    return Row(
        number=number,
        destination=f"00{number}",
        state=State.ACCEPTED,
        call_id=f"id {number}",
    )


def doubtful(number: int) -> Row:
    """Return a contact that was given the call id of another."""
    return attrs.evolve(
        accepted(number), state=State.UNKNOWN, call_id=None, reason="repeated_call_id"
    )


GOOD = World(
    records=[
        [post(1, 0.0), post(2, 1.0, fault=DUPLICATE), post(3, 2.0), post(5, 9.0)],
        [post(4, 0.0, connection=2)],
    ],
    rows=[accepted(1), accepted(2), doubtful(3), accepted(4), accepted(5)],
    events=[
        *called(1, 0.0, 0, Step.ACCEPT),
        *called(4, 0.0, 0, Step.ACCEPT),
        *called(2, 1.0, 1, Step.ACCEPT),
        *called(3, 2.0, -1, Step.MARK_UNKNOWN),
        *called(5, 9.0, 0, Step.ACCEPT),
    ],
    reasons={7: "repeated_call_id"},
    imported=[f"00{number}" for number in range(1, 6)],
)


def test_nothing_wrong() -> None:
    """Hours that a clock is wrong by, and a call that is in doubt, are no violation."""
    assert GOOD.kinds() == set()
    assert GOOD.silent() == 0


def test_a_wrong_id_after_the_alarm_is_seen() -> None:
    """Whoever was called after the alarm has no other call's id."""
    world = GOOD.change(5, call_id="id 3")

    assert world.kinds() == {"call_id"}
    assert world.silent() == 0


def test_a_wrong_id_before_any_alarm_is_counted() -> None:
    """Before an alarm nobody could know of it; it is counted apart."""
    world = GOOD.change(3, state=State.ACCEPTED, call_id="id 2", reason=None)
    world = attrs.evolve(world.change(5, call_id="id 3"), reasons={})

    assert world.kinds() == set()
    assert world.silent() == 2


def test_a_wrong_id_without_a_fault_is_seen() -> None:
    """Where no answer came too often on the connection nothing excuses a wrong id."""
    world = attrs.evolve(GOOD.change(4, call_id="id 1"), reasons={})

    assert world.kinds() == {"call_id"}


def test_each_pabx_has_its_own_cap() -> None:
    """Two PABX together may be called more often than each of them."""
    both = [post(6, 0.2, connection=3), post(6, 0.3, connection=3)]

    assert GOOD.kinds() == set()
    assert "over_cap" in attrs.evolve(
        GOOD, records=[GOOD.records[0], [*GOOD.records[1], *both]]
    ).kinds() & {"over_cap"}
    assert attrs.evolve(GOOD, rates=(1, 1)).kinds() == set()


def test_doubtful_calls_need_an_answer_out_of_step() -> None:
    """A call is not in doubt for no reason."""
    quiet = [attrs.evolve(one, fault=None) for one in GOOD.records[0]]
    world = attrs.evolve(GOOD, records=[quiet, GOOD.records[1]])

    assert world.kinds() == {"unknowns"}


def test_a_call_on_both_is_seen() -> None:
    """Somebody who is called once by each PABX is called twice."""
    world = attrs.evolve(
        GOOD.change(1, attempts=2),
        records=[GOOD.records[0], [*GOOD.records[1], post(1, 5.0, connection=2)]],
        events=[*GOOD.events, Event(1, Step.INTEND, BEGAN + 5)],
    )

    assert "double" in world.kinds()


@pytest.mark.parametrize("hours", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("passed", [-60.0, 0.0, 900.0])
def test_true_time(hours: int, passed: float) -> None:
    """The true times are found again from those of a wrong clock."""
    shown = BEGAN + passed + hours * HOUR

    assert true_time(shown, BEGAN) == pytest.approx(BEGAN + passed)
