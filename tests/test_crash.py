"""Dialling processes that are killed, through the crash checker's program."""

import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from crash_child import BUGS

PROGRAM = Path(__file__).with_name("crash_checker.py")

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can fork"),
    pytest.mark.timeout(180),
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

QUICK = ("recovery-requeues", "intent-after-send")

CAPPED = ("--kills", 8, "--rate", 5, "--contacts", 32)
"""So few calls a second that one too many after a restart is plain to see."""


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


def kill(*words: object, timeout: float = 150) -> Ran:
    """Run the program."""
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_killed_25_times() -> None:
    """Over 25 kills nobody is called twice or lost, with faults at the PABX too."""
    ran = kill("--kills", 25, "--faults")

    assert ran == Ran(0, ran.out, "")
    assert ran.violations == set()


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_killed_300_times() -> None:
    """Over 300 kills nobody is called twice or lost, with faults at the PABX too."""
    ran = kill("--kills", 300, "--faults", timeout=1100)

    assert ran == Ran(0, ran.out, "")
    assert ran.violations == set()


@pytest.mark.parametrize(
    "stops", [5, pytest.param(50, marks=pytest.mark.long)], ids=str
)
def test_told_to_stop(stops: int) -> None:
    """After SIGTERM nothing is left open: nobody is unknown and nobody is lost."""
    ran = kill("--gently", "--kills", stops)

    assert ran == Ran(0, ran.out, "")
    assert ran.violations == set()


def test_cap_across_restarts() -> None:
    """The cap holds over windows in which a process died and another began."""
    ran = kill(*CAPPED)

    assert ran == Ran(0, ran.out, "")
    assert ran.violations == set()


@pytest.mark.parametrize(
    "bug",
    [
        *QUICK,
        "slots-forgotten",
        *(
            pytest.param(bug, marks=pytest.mark.long)
            for bug in CAUGHT
            if bug not in (*QUICK, "slots-forgotten")
        ),
    ],
)
def test_seeded_bug_is_caught(bug: str) -> None:
    """A mistake that was put into the dialling process is found in a few kills."""
    words = CAPPED if bug == "slots-forgotten" else ("--kills", 4, "--faults")
    ran = kill(*words, "--bug", bug)

    assert ran.code == 1
    assert ran.violations >= CAUGHT[bug], ran.out


def test_every_bug_has_its_test() -> None:
    """No mistake can be put in that nothing looks for."""
    # test_fsync_order.py: a kill comes too seldom in the millisecond that is left
    assert set(CAUGHT) | {"intent-not-awaited"} == set(BUGS)
