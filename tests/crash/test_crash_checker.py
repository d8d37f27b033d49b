"""The crash checker must see whatever can be wrong: records made wrong by hand."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import crash_violations
import pytest
from crash_checker import Plan, Report, report_on
from crash_violations import (
    MAX_ATTEMPTS,
    Event,
    Received,
    Row,
    Violation,
    check,
    worst_window,
)

from digitro_async import RateLimit
from digitro_async.ledger import State, Step

CAP = RateLimit(3)


@attrs.frozen(kw_only=True)
class World:
    """A campaign that ended, as the checker is shown it."""

    record: Sequence[Received]
    rows: Sequence[Row]
    events: Sequence[Event]
    imported: Sequence[str]
    kills: int = 1
    in_flight: int = 2
    ambiguous_faults: int = 1
    cap: RateLimit | None = CAP

    def change(self, number: int, **changes: Any) -> "World":
        """Return it with another row of one contact."""
        rows = [
            attrs.evolve(row, **changes) if row.number == number else row
            for row in self.rows
        ]
        return attrs.evolve(self, rows=rows)

    def add(self, *posts: Received) -> "World":
        """Return it with more POSTs."""
        return attrs.evolve(self, record=[*self.record, *posts])

    def violations(self) -> list[Violation]:
        """Return what the checker finds."""
        return check(**attrs.asdict(self, recurse=False))

    def kinds(self) -> set[str]:
        """Return the kinds of what the checker finds."""
        return {violation.kind for violation in self.violations()}


def post(destination: str, at: float, **fields: Any) -> Received:
    """Return a POST that was received half a second after that moment."""
    wall = 1000.0 + at + 0.5
    return Received(destination=destination, at=at, wall=wall, **fields)


def intent(contact: int, at: float) -> Event:
    """Return an intent of that moment."""
    return Event(contact, Step.INTEND, 1000.0 + at)


def row(number: int, state: State, **fields: Any) -> Row:
    """Return a contact whose number to dial is its own."""
    return Row(number=number, destination=f"00{number}", state=state, **fields)


GOOD = World(
    record=[
        post("001", 0.0, call_id="id 1"),
        post("002", 1.0, placed=False),
        post("003", 2.0, call_id="id 3"),
        post("004", 3.0, call_id="id 4"),
        post("005", 4.0, placed=False),
        post("005", 5.0, call_id="id 5"),
    ],
    rows=[
        row(1, State.ACCEPTED, call_id="id 1"),
        row(2, State.REJECTED, reason="status_400"),
        row(3, State.UNKNOWN, reason="owner_gone"),
        row(4, State.UNKNOWN, reason="timeout"),
        row(5, State.ACCEPTED, call_id="id 5", attempts=2),
        row(6, State.PENDING, attempts=MAX_ATTEMPTS),
        row(7, State.INVALID, attempts=0),
    ],
    events=[
        *(intent(number, number - 1.0) for number in range(1, 5)),
        Event(3, Step.RECOVER, 1004.0),
        Event(4, Step.MARK_UNKNOWN, 1004.0),
        intent(5, 4.0),
        Event(5, Step.NOT_PLACED, 1005.0),
        intent(5, 5.0),
        *(intent(6, 6.0 + attempt) for attempt in range(MAX_ATTEMPTS)),
    ],
    imported=[f"00{number}" for number in range(1, 8)],
)


def test_nothing_wrong() -> None:
    """A record in which all is as it must be has no violations."""
    assert GOOD.violations() == []


CALLED_TWICE = GOOD.add(post("001", 9.0, call_id="id 9"))

WRONG: dict[str, tuple[World, set[str]]] = {
    "a phone rang twice": (
        attrs.evolve(
            CALLED_TWICE.change(1, attempts=2),
            events=[*GOOD.events, intent(1, 9.0)],
        ),
        {"double"},
    ),
    "a call without an intent": (CALLED_TWICE, {"double", "no_intent"}),
    "a POST before its intent": (
        attrs.evolve(GOOD, events=[intent(1, 0.6), *GOOD.events[1:]]),
        {"no_intent"},
    ),
    "a retry before its intent": (
        attrs.evolve(
            GOOD,
            events=[
                *(event for event in GOOD.events if event.contact != 5),
                *(intent(5, 4.0), intent(5, 5.6)),
            ],
        ),
        {"no_intent"},
    ),
    "an intent that is not among the events": (
        GOOD.change(6, attempts=MAX_ATTEMPTS + 1),
        {"attempts"},
    ),
    "accepted and never received": (
        attrs.evolve(GOOD, record=GOOD.record[1:]),
        {"accepted_not_placed"},
    ),
    "accepted and received without ringing": (
        attrs.evolve(
            GOOD, record=[attrs.evolve(GOOD.record[0], placed=False), *GOOD.record[1:]]
        ),
        {"accepted_not_placed"},
    ),
    "accepted with the call id of another": (
        GOOD.change(1, call_id="id 3"),
        {"call_id"},
    ),
    "accepted without a call id": (GOOD.change(1, call_id=None), {"call_id"}),
    "rejected and placed": (
        GOOD.change(1, state=State.REJECTED),
        {"rejected_but_placed"},
    ),
    "invalid and placed": (GOOD.change(1, state=State.INVALID), {"invalid_but_placed"}),
    "skipped and placed": (GOOD.change(1, state=State.SKIPPED), {"skipped_but_placed"}),
    "given up and placed": (
        GOOD.add(post("006", 9.0, call_id="id 6")),
        {"pending_but_placed"},
    ),
    "pending for no reason": (
        attrs.evolve(
            GOOD.change(6, attempts=MAX_ATTEMPTS - 1), events=GOOD.events[:-1]
        ),
        {"unexplained"},
    ),
    "unknown without an attempt": (
        GOOD.change(7, state=State.UNKNOWN),
        {"unexplained"},
    ),
    "left claimed": (GOOD.change(7, state=State.CLAIMED), {"not_terminal"}),
    "an intent left open": (GOOD.change(2, state=State.INTENT), {"not_terminal"}),
    "not in the ledger": (
        attrs.evolve(GOOD, imported=[*GOOD.imported, "008"]),
        {"sum", "missing"},
    ),
    "twice in the ledger": (
        attrs.evolve(GOOD, rows=[*GOOD.rows, attrs.evolve(GOOD.rows[6], number=8)]),
        {"sum"},
    ),
    "somebody else was called": (GOOD.add(post("999", 9.0)), {"stranger"}),
    "somebody was called by a body nobody can read": (
        GOOD.add(Received(destination=None, at=9.0, wall=1009.0)),
        {"stranger"},
    ),
    "more unknown than the kills explain": (
        attrs.evolve(GOOD, kills=0, ambiguous_faults=2),
        {"orphans"},
    ),
    "more unknown than all explains": (
        attrs.evolve(GOOD, kills=0, ambiguous_faults=1),
        {"orphans", "unknowns"},
    ),
    "more open at one recovery than were in flight": (
        attrs.evolve(
            GOOD, events=[*GOOD.events, *[Event(3, Step.RECOVER, 1004.0)] * 2]
        ),
        {"orphans"},
    ),
    "more in a window than the cap": (
        attrs.evolve(GOOD, cap=RateLimit(1, 1.1)),
        {"over_cap"},
    ),
}


@pytest.mark.parametrize(("world", "kinds"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_seen(world: World, kinds: set[str]) -> None:
    """Each thing that can be wrong is found, and nothing else with it."""
    assert world.kinds() == kinds


def test_no_cap_no_window() -> None:
    """Where there is no cap, any number of calls may come at once."""
    burst = [attrs.evolve(one, at=0.0) for one in GOOD.record]

    assert attrs.evolve(GOOD, record=burst, cap=None).violations() == []
    assert attrs.evolve(GOOD, record=burst).kinds() == {"over_cap"}


def test_windows_slide() -> None:
    """A window begins anywhere, and its end is not part of it."""
    times = (0.0, 0.6, 0.9, 1.0, 1.5, 1.6)
    posts = [post("001", at) for at in times]

    assert worst_window(posts, 1.0) == 4
    assert worst_window(posts[:1], 1.0) == 1
    assert worst_window([], 1.0) == 0


def test_windows_reach_across_restarts() -> None:
    """Calls of the run before count, however evenly each run dials."""
    before = [post("001", number / 3) for number in range(3)]
    after = [post("001", 0.7 + number / 3) for number in range(3)]

    assert worst_window([*before, *after], 1.0) == 4


def test_plans_repeat() -> None:
    """The same seed stops children at the same moments, and some of them early."""
    plan = Plan(stops=80, seed=7)
    moments = plan.moments()

    assert moments == Plan(stops=80, seed=7).moments()
    assert sum(moment < 0 for moment in moments) == 10
    assert all(-0.05 <= moment < 0 or 0.15 <= moment <= 0.7 for moment in moments)
    assert all(moment > 0 for moment in Plan(stops=80, gently=True).moments())


@pytest.mark.parametrize(
    ("rows", "leaves"),
    [
        ([row(1, State.ACCEPTED)], False),
        ([row(1, State.PENDING, attempts=3)], True),
        ([row(1, State.PENDING, attempts=MAX_ATTEMPTS)], False),
        ([row(1, State.PENDING, attempts=3), row(2, State.INTENT)], False),
    ],
    ids=["none", "one that was throttled", "one given up", "beside one left open"],
)
def test_contacts_left_to_the_next_run(
    rows: Sequence[Row], leaves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further run is made for contacts that may be called, and hides nothing open."""
    monkeypatch.setattr(crash_violations, "read_ledger", lambda _: (rows, []))

    assert crash_violations.leaves_contacts(Path("ledger.db")) is leaves


@pytest.mark.parametrize("is_spoilt", [True, False])
@pytest.mark.parametrize("found", [[], [Violation("double", "contact 1")]])
def test_files_of_what_is_wrong_are_kept(
    found: Sequence[Violation], is_spoilt: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files stay where something is wrong that was not put in."""
    folders = []

    def act(folder: Path) -> Report:
        folders.append(folder)
        return Report(figures={}, violations=found)

    code = report_on(act, keep=False, is_spoilt=is_spoilt)
    is_kept = folders[0].exists()
    shutil.rmtree(folders[0], ignore_errors=True)

    assert code == bool(found)
    assert is_kept is (bool(found) and not is_spoilt)
    assert (str(folders[0]) in capsys.readouterr().out) is is_kept
