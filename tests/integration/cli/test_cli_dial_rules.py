"""``digitro dial --rules``: who is put off, refused, and waited for."""

import datetime as dt
import json
from pathlib import Path

import pytest
from command_line import (
    Capture,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    rows_of,
    run_here,
    start,
    states_of,
    wait_for,
)

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BLOCKED = number(2)


def closed_hours() -> str:
    """Return hours that are closed today and tomorrow, by any clock."""
    today = dt.datetime.now(dt.UTC).weekday()
    open_day = DAYS[(today + 3) % 7]
    return f'[[hours]]\nname = "later"\nweek = {{ {open_day} = ["10:00-11:00"] }}\n'


BLOCKS = '[[block]]\nfile = "blocked.txt"\nname = "opt-outs"\n'


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    """Write a list of three, of whom one is blocked; a priority and two numbers."""
    (folder / "blocked.txt").write_text(f"{BLOCKED}\n")
    (folder / "rules.toml").write_text(BLOCKS)
    (folder / "later.toml").write_text(BLOCKS + closed_hours())
    rows = [f"C0;{number(0)};;0", f"C1;{number(1)};;7", f"C2;{BLOCKED};{number(3)};0"]
    (folder / "c.csv").write_text(
        "\n".join(["id;destination;destination2;priority", *rows, ""])
    )
    (folder / "one.csv").write_text(f"id;destination\nC9;{BLOCKED}\n")


DIAL = ("dial", "c.csv", "--ledger", "c.db")


def test_the_second_number_is_dialled(pabx: FakePABX, capsys: Capture) -> None:
    """Of a contact whose first number is blocked the next one is dialled."""
    ran = run_here(capsys, *DIAL, "--rules", "rules.toml")

    assert ran.code == 0
    assert sorted(numbers_of(pabx)) == sorted(map(number, (0, 1, 3)))
    assert "1 further numbers are kept beside the first ones; rules say" in ran.err


def test_who_is_refused(pabx: FakePABX, capsys: Capture) -> None:
    """Who is blocked for good is skipped, and the end says how many, and why."""
    ran = run_here(
        capsys, "dial", "one.csv", "--ledger", "c.db", "--rules", "rules.toml"
    )
    [row] = rows_of(capsys)

    assert (ran.code, pabx.calls) == (1, [])
    assert "refused         1" in ran.out
    assert "met a number on a block list (blocked)" in ran.out
    assert (row["state"], row["reason"]) == ("skipped", "blocked")


def test_who_is_put_off(pabx: FakePABX, capsys: Capture) -> None:
    """Outside of the hours nobody is called; all wait, with a reason and a time."""
    ran = run_here(capsys, *DIAL, "--rules", "later.toml", "--no-wait")
    rows = rows_of(capsys)
    status = run_here(capsys, "status", "--ledger", "c.db")

    assert (ran.code, pabx.calls) == (1, [])
    assert "deferred        3" in ran.out
    assert "met closed calling hours (outside_hours)" in ran.out
    assert "of the pending, 3 wait, the first until" in ran.out
    assert "digitro dial --ledger c.db --rules later.toml\n" in ran.out
    assert {row["wait"] for row in rows} == {"deferred"}
    assert all(row["due"] for row in rows)
    assert [row["priority"] for row in rows] == [0, 7, 0]
    assert "      outside_hours   3" in status.out


def test_the_rules_of_the_configuration(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """The configuration file may name the rules, and an option counts before it."""
    with (folder / "digitro.toml").open("a") as config:
        config.write('\n[rules]\nfile = "later.toml"\nwait = false\n')
    later = run_here(capsys, *DIAL)
    alone = run_here(capsys, *DIAL, "--no-rules")

    assert (later.code, "deferred        3" in later.out) == (1, True)
    assert "3 contacts wait for a time (3 deferred)" in alone.err
    assert (alone.code, pabx.calls) == (1, [])
    assert run_here(capsys, *DIAL, "--rules", "rules.toml").code == 1


def test_it_waits_and_heeds_orders(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A run that waits takes orders, and loses nobody when it is interrupted."""
    with start(*DIAL, "--rules", "later.toml") as running:
        wait_for((folder / "c.db.control").exists)
        wait_for(lambda: states_of(capsys) == {"pending": 3} and _waits(capsys) == 3)
        blocked = run_here(capsys, "campaign", "block", number(0), "--ledger", "c.db")
        running.process.send_signal(2)
        ran = running.end()

    assert blocked.code == 0
    assert ran.code == 130
    assert "of the pending, 3 wait, the first until" in ran.out
    assert states_of(capsys) == {"pending": 3}
    assert pabx.calls == []


RECALLS = """
[recall]
most_attempts = 3
[recall.busy]
after = "0s"
most = 1
number = "next"
"""


def test_recalls_after_imported_ends(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """Who was busy, by a report, is called again by the rules, by the next number."""
    (folder / "recall.toml").write_text(RECALLS)
    rows = f"id;destination;destination2\nC0;{number(0)};{number(1)}\nC1;{number(2)};\n"
    (folder / "c.csv").write_text(rows)
    run_here(capsys, *DIAL, "--rules", "recall.toml")
    (folder / "ends.csv").write_text("id;disposition\nC0;busy\nC1;answered\n")
    imported = run_here(capsys, "ledger", "ends", "c.db", "ends.csv")
    again = run_here(capsys, "dial", "--ledger", "c.db", "--rules", "recall.toml")

    assert (imported.code, again.code) == (0, 0)
    assert "recalls         1" in again.out
    assert sorted(numbers_of(pabx)[:2]) == [number(0), number(2)]
    assert numbers_of(pabx)[2:] == [number(1)]
    assert states_of(capsys) == {"accepted": 2}


def test_blocked_while_it_waits(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """A number that is blocked while a run waits is not called; a callback is made."""
    (folder / "wait.toml").write_text('[callbacks]\nlate = "15m"\n')
    (folder / "c.csv").write_text(f"id;destination\nC0;{number(0)}\nC1;{number(1)}\n")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    soon = dt.datetime.now(dt.UTC).isoformat()
    run_here(capsys, *DIAL, "--limit", "1", "--rules", "wait.toml")
    for contact in ("C0", "C1"):
        agreed = ("--id", contact, "--ledger", "c.db", "--at", later.isoformat())
        assert run_here(capsys, "campaign", "call-back", *agreed).code == 0
    with start("dial", "--ledger", "c.db", "--rules", "wait.toml") as running:
        wait_for((folder / "c.db.control").exists)
        words = ("block", number(1), "--ledger", "c.db")
        assert run_here(capsys, "campaign", *words).code == 0
        for contact in ("C1", "C0"):
            moved = ("call-back", contact, "--ledger", "c.db", "--at", soon)
            assert run_here(capsys, "campaign", *moved).code == 0
        ran = running.end()

    assert ran.code == 1
    assert numbers_of(pabx) == [number(0), number(0)]
    assert states_of(capsys) == {"accepted": 1, "skipped": 1}
    assert "callbacks       1" in ran.out


def _waits(capsys: Capture) -> int:
    return sum(row["wait"] is not None for row in rows_of(capsys))


def test_dry_run_of_a_file(pabx: FakePABX, capsys: Capture) -> None:
    """A dry run says what the rules would do, and writes no ledger."""
    table = run_here(capsys, *DIAL, "--rules", "rules.toml", "--dry-run")
    rows = run_here(
        capsys, *DIAL, "--rules", "later.toml", "--dry-run", "--format", "json"
    )

    assert (table.code, pabx.calls, Path("c.db").exists()) == (0, [], False)
    assert "dialled now              3" in table.out
    found = json.loads(rows.out)
    assert {row["answer"] for row in found} == {"later"}
    assert {row["rule"] for row in found} == {"later"}


def test_dry_run_of_a_ledger(pabx: FakePABX, capsys: Capture) -> None:
    """A ledger by itself is asked about, too, and stays as it is."""
    run_here(capsys, *DIAL, "--rules", "later.toml", "--no-wait")
    before = rows_of(capsys)
    words = ("--ledger", "c.db", "--rules", "rules.toml")
    table = run_here(capsys, "dial", *words, "--dry-run")
    csv = run_here(capsys, "contacts", "check", *words, "--format", "csv")

    assert table.code == 0
    assert "deferred                 3" in table.out
    assert csv.code == 1
    assert csv.out.splitlines()[0] == "contact,number,place,answer,reason,rule,until"
    assert len(csv.out.splitlines()) == 4
    assert (rows_of(capsys), pabx.calls) == (before, [])


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--rules", "rules.toml", "--no-rules"), "don't go together"),
        (("--rules", "rules.toml", "--wait", "1h", "--no-wait"), "don't go together"),
        (("--no-wait",), "--wait and --no-wait are about rules"),
        (("--rules", "rules.toml", "--wait", "soon"), "--wait must be a time such as"),
        (("--rules", "gone.toml"), "gone.toml: can't be read"),
        (("--format", "csv"), "--format is about --dry-run with rules"),
        (("--no-rules", "--wait", "1h"), "--wait is about rules"),
    ],
)
def test_wrong_usage(
    pabx: FakePABX, capsys: Capture, words: tuple[str, ...], problem: str
) -> None:
    """What does not go together is refused before anybody is called."""
    ran = run_here(capsys, *DIAL, *words)

    assert (ran.code, ran.out, pabx.calls) == (2, "", [])
    assert problem in ran.err
