"""Dialling processes that are killed, through the crash checker's program."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
from crash_child import BUGS

PROGRAM = Path(__file__).with_name("crash_checker.py")

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork"),
    pytest.mark.timeout(900),
]

CAUGHT = {
    "recovery-requeues": {"double"},
    "retry-on-5xx": {"double"},
    "retry-on-any-exception": {"double"},
    "status-of-exception-trusted": {"rejected_but_placed"},
    "intent-after-send": {"double", "no_intent"},
    "outcome-forgotten": {"not_terminal", "orphans"},
    "slots-forgotten": {"over_cap"},
}
"""Each seeded bug and what must be found of it."""

QUICK = ("recovery-requeues", "intent-after-send", "slots-forgotten")
SIDE_BY_SIDE = 3
TRIES = 4

CAPPED = ("--kills", 8, "--rate", 5, "--contacts", 32)
"""So few calls a second that one too many after a restart is plain to see."""
FEW = {
    "slots-forgotten": ("--kills", 5, "--rate", 1, "--per", 20, "--contacts", 6),
}
"""So few that any two runs begun within twenty seconds are seen on a slow machine."""


@attrs.frozen
class Ran:
    """How the program ended."""

    code: int
    out: str
    err: str

    @property
    def violations(self) -> set[str]:
        """The kinds of what it found."""
        return set(re.findall(r"^VIOLATED (\w+)", self.out, re.MULTILINE))


def kill(*words: object) -> Ran:
    """Run the program."""
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=1100 if 300 in words else 800,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def words_of(bug: str) -> tuple[object, ...]:
    """Return the words that run the program with a bug."""
    return (*FEW.get(bug, ("--kills", 4, "--faults")), "--bug", bug)


Program = Callable[..., Ran]


@pytest.fixture(scope="module")
def ran(request: pytest.FixtureRequest) -> Iterator[Program]:
    """Return what tells how the program ended with some words.

    The runs of all tests are begun at once, some side by side: most of the time they
    wait, for the next moment to kill at or for a turn under the cap.
    """
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        begun = {
            item.callspec.params["words"]: pool.submit(
                kill, *item.callspec.params["words"]
            )
            for item in request.session.items
            if item.path == request.path and hasattr(item, "callspec")
        }
        yield lambda *words: begun[words].result()


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(CAPPED, id="the cap holds over restarts"),
        pytest.param(("--kills", 25, "--faults", "--rate", 150), id="25 kills"),
        pytest.param(("--gently", "--kills", 5), id="told to stop 5 times"),
        pytest.param(
            ("--kills", 5, "--faults", "--public"), id="5 kills, the public way"
        ),
        pytest.param(
            ("--kills", 300, "--faults"),
            marks=[pytest.mark.long, pytest.mark.timeout(1200)],
            id="300 kills",
        ),
        pytest.param(
            ("--kills", 300, "--faults", "--public"),
            marks=[pytest.mark.long, pytest.mark.timeout(1200)],
            id="300 kills, the public way",
        ),
        pytest.param(
            ("--gently", "--kills", 50),
            marks=pytest.mark.long,
            id="told to stop 50 times",
        ),
    ],
)
def test_nobody_is_called_twice_or_lost(
    words: tuple[object, ...], ran: Program
) -> None:
    """However often a run is stopped, and the PABX fails, nobody is called twice.

    Nobody is lost either, after SIGTERM nothing is left open, and the cap holds over
    windows in which one process died and another began.
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
    """A mistake that was put into the dialling process is found in a few kills."""
    ended, expected = ran(*words), CAUGHT[words[-1]]
    for _ in range(TRIES):  # a slow machine may have little to kill in a few moments
        if ended.violations >= expected:
            break
        ended = kill(*words)

    assert ended.code == 1
    assert ended.violations >= expected, ended.out


def test_every_bug_has_its_test() -> None:
    """No mistake can be put in that nothing looks for."""
    # test_fsync_order.py: a kill comes too seldom in the millisecond that is left
    assert set(CAUGHT) | {"intent-not-awaited"} == set(BUGS)
