"""Processes that are killed while the world breaks, through the checker's program."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from crash_world import WorldPlan
from crash_world_child import WORLD_BUGS, Clock
from crash_world_old import make_old_ledger, schema_of
from test_crash import Ran

from digitro_async.ledger import SQLiteLedger, State
from digitro_async.testing import sample_contacts

PROGRAM = Path(__file__).with_name("crash_checker.py")

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork"),
    pytest.mark.timeout(900),
]

CAUGHT = {
    "half-an-import": {"missing", "sum"},
    "identities-forgotten": {"sum"},
    "broken-import-passes": {"partial_list"},
    "migration-begins-anew": {"missing"},
    "migration-in-pieces": {"schema"},
    "second-cap-forgotten": {"over_cap"},
    "another-call-id": {"call_id"},
    "back-in-time-requeues": {"double"},
    "renames-forgotten": {"over_cap"},
    "clock-believed": {"over_cap"},
    "slots-forgotten": {"over_cap"},
    "recovery-requeues": {"double"},
}
"""Each seeded bug and what must be found of it."""

MORE = {
    "back-in-time-requeues": 12,
    "slots-forgotten": 12,
    "renames-forgotten": 60,
    "clock-believed": 24,
}
"""Kills that each needs, where more than a few."""
QUICK = ("half-an-import", "migration-in-pieces", "slots-forgotten")
SIDE_BY_SIDE = 3
TRIES = 8


def kill(*words: object) -> Ran:
    """Run the program."""
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM, "--world", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900 if 100 in words else 800,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def words_of(bug: str) -> tuple[object, ...]:
    """Return the words that run the program with a bug."""
    return ("--kills", MORE.get(bug, 6), "--seed", 3, "--bug", bug)


Program = Callable[..., Ran]


@pytest.fixture(scope="module")
def ran(request: pytest.FixtureRequest) -> Iterator[Program]:
    """Return what tells how the program ended; all runs are begun at once."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        begun = {
            words: pool.submit(kill, *words)
            for item in request.session.items
            if item.path == request.path and (words := _words_of(item))
        }
        yield lambda *words: begun[words].result()


def _words_of(item: Any) -> tuple[object, ...]:
    given: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    return tuple(given.get("words", ()))


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("--kills", 12, "--seed", 1), id="12 kills"),
        pytest.param(
            ("--kills", 100, "--seed", 1),
            marks=[pytest.mark.long, pytest.mark.timeout(1000)],
            id="100 kills",
        ),
    ],
)
def test_the_promises_hold_in_a_world_that_breaks(
    words: tuple[object, ...], ran: Program
) -> None:
    """Killed at any moment, between two PABX that are renamed, by a wrong clock.

    Nobody is called twice, nobody is lost, no list that is known in part is dialled, no
    cap is broken and no call has another's id after the first alarm.
    """
    ended = ran(*words)

    assert ended == Ran(0, ended.out, "")
    assert ended.violations == set()


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(
            words_of(bug), marks=[pytest.mark.long] * (bug not in QUICK), id=bug
        )
        for bug in CAUGHT
    ],
)
def test_seeded_bug_is_caught(words: tuple[Any, ...], ran: Program) -> None:
    """A mistake that was put into the processes is found in a few kills."""
    ended, expected = ran(*words), CAUGHT[words[-1]]
    for _ in range(TRIES):  # a slow machine may have little to kill in a few moments
        if ended.violations >= expected:
            break
        ended = kill(*words)

    assert ended.code == 1
    assert ended.violations >= expected, ended.out


def test_every_bug_has_its_test() -> None:
    """No mistake can be put in that nothing looks for."""
    assert set(CAUGHT) == set(WORLD_BUGS)


def test_plans_repeat() -> None:
    """The same seed gives the same moments, clocks and names."""
    one, other = WorldPlan(kills=100, seed=7), WorldPlan(kills=100, seed=7)

    assert one.moments() == other.moments()
    assert list(islice(one.clocks(), 50)) == list(islice(other.clocks(), 50))
    assert list(islice(one.names(), 50)) == list(islice(other.names(), 50))
    assert len(one.moments()) + one.imports + one.migrations == 100


def test_the_world_breaks() -> None:
    """Clocks go both ways, and names are exchanged as well as replaced."""
    plan = WorldPlan(kills=100, seed=7)
    names = list(islice(plan.names(), 50))
    steps = {one.then - one.hours for one in islice(plan.clocks(), 50)}

    assert steps >= {-2, -1, 0, 1, 2}
    assert any(one[::-1] == other for one, other in pairwise(names))
    assert len(set(names)) > 5


def test_clock_is_wrong_by_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that a process sees is set after its time."""
    moments = iter([10.0, 10.5, 11.5])
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    monkeypatch.setattr("time.time", lambda: 5000.0)
    Clock(hours=1, after=1.0, then=-1).install()
    assert (time.time(), time.time()) == (8600.0, 1400.0)


@pytest.mark.parametrize("version", [1, 2])
async def test_old_ledgers_are_ledgers(version: int, tmp_path: Path) -> None:
    """A ledger made as by an earlier version opens, with its calls unknown."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    contacts = list(sample_contacts(20))
    make_old_ledger(old, version, contacts, pabx="north", now=time.time())
    async with SQLiteLedger(new):
        pass
    async with SQLiteLedger(old) as ledger:
        counts = await ledger.counts()

    assert ledger.recovered == 5
    assert (counts[State.PENDING], counts[State.ACCEPTED]) == (13, 1)
    assert counts[State.UNKNOWN] == 6
    assert schema_of(old) == schema_of(new)


def test_the_checker_says_what_goes_with_it() -> None:
    """Words of the plain checker that mean nothing here are refused."""
    ended = kill("--gently")

    assert ended.code == 2
    assert re.search("--world goes without --gently", ended.err)
