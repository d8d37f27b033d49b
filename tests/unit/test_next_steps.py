"""The commands that a run ends with."""

import shlex
from pathlib import Path

import pytest

from digitro_async.cli._app import app
from digitro_async.cli._next_steps import next_steps
from digitro_async.ledger import State

LEDGER, CONFIG = "--ledger 'my list.db'", Path("digitro.toml")
STATUS = "see how it stands: digitro status --ledger 'my list.db'"
RESULTS = "each result: digitro results --ledger 'my list.db'"


def steps(
    pending: int = 0,
    unknown: int = 0,
    exhausted: int = 0,
    config: Path = CONFIG,
    ends: int = 0,
    *,
    rules: Path | None = None,
) -> list[str]:
    """Return the steps of a ledger with so many contacts."""
    states = {**dict.fromkeys(State, 0), State.ACCEPTED: 9}
    states |= {State.PENDING: pending, State.UNKNOWN: unknown}
    return next_steps(LEDGER, config, states, exhausted, ends, rules=rules)


def test_all_accepted() -> None:
    """A list that is done leaves its results to be looked at."""
    assert steps() == [RESULTS]


def test_pending() -> None:
    """Contacts that are left are dialled with the ledger and the configuration."""
    dial = "dial the 1,500 pending: digitro dial --ledger 'my list.db'"

    assert steps(pending=1500) == [dial, STATUS, RESULTS]
    assert steps(pending=1502, exhausted=2)[0] == dial
    assert steps(pending=2, exhausted=2) == [RESULTS]
    assert steps(pending=1, config=Path("a b.toml"))[0].endswith(" --config 'a b.toml'")


def test_pending_by_rules() -> None:
    """Who was dialled by rules is dialled by the same ones later."""
    [dial, *_] = steps(pending=2, rules=Path("my rules.toml"))

    assert dial.endswith("--ledger 'my list.db' --rules 'my rules.toml'")


def test_ends_to_come() -> None:
    """Ends that nobody heard yet are recorded by a run, which pending ones need too."""
    record = "record the 44 ends to come: digitro dial --ledger 'my list.db'"

    assert steps(ends=44) == [record, STATUS, RESULTS]
    assert steps(pending=1, ends=44)[0].startswith("dial the 1 pending: ")


def test_unknown() -> None:
    """Unknown contacts are listed, and settled one by one."""
    listed, settled, *rest = steps(unknown=3)

    assert listed == (
        "list the 3 unknown: digitro results --ledger 'my list.db' --state unknown"
    )
    assert settled.startswith("settle one of them (or as accepted): digitro reconcile ")
    assert rest == [STATUS, RESULTS]


@pytest.mark.parametrize(
    "line", [*steps(pending=5, unknown=3, config=Path("x.toml")), *steps(ends=2)]
)
def test_commands_are_as_they_are_typed(line: str) -> None:
    """Each is a command that the program takes."""
    name, *words = shlex.split(line.partition(": ")[2])

    assert name == "digitro"
    app.parse_args(words, exit_on_error=False, print_error=False)
