"""``digitro ledger ends``: what became of calls, by a report of the PABX."""

from pathlib import Path

import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    pabx_with_config,
    rows_of,
    run_here,
    write_contacts,
)

from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["folder", "pabx_with_config"]  # fixtures


WORDS = "answered, busy, no_answer, machine, fax, invalid_number, congestion, blocked"
WORDS += ", abandoned, ended, other"


@pytest.fixture(autouse=True)
def dialled(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Dial a list whose fourth call is lost and whose fifth is refused."""
    write_contacts(folder / "c.csv", 6)
    # Each run makes one call at most that goes wrong: which of several calls in flight
    # comes to the PABX first is left to chance.
    lost, refused = Fault("lose_answer", at=4), Fault("status", status=409, at=5)
    pabx.set_faults(FaultPlan([lost, refused]))
    for calls in (3, 1, 1, 1):
        run_here(capsys, "dial", "c.csv", "--ledger", "c.db", "--limit", calls)


def ends(capsys: Capture, text: str, *words: object) -> Ran:
    """Import a file of ends."""
    Path("ends.csv").write_text(text, encoding="utf-8")
    return run_here(capsys, "ledger", "ends", "c.db", "ends.csv", *words)


def known(capsys: Capture) -> dict[str, object]:
    """Return the disposition of each contact that has one."""
    rows = rows_of(capsys)
    return {str(row["contact"]): row["disposition"] for row in rows if row["word"]}


def test_ends_are_recorded_once(capsys: Capture) -> None:
    """Contacts are named by number, id or call id; a second time nothing is new."""
    calls = [str(row["call_id"]) for row in rows_of(capsys)]
    text = (
        "contact;id;call_id;disposition;Ramal\n#1;;;busy;200\n;C1;;OCUPADO;\n"
        f";;{calls[2]};no-answer;\n"
    )
    dry = ends(capsys, text, "--word", "OCUPADO=busy", "--dry-run")
    assert known(capsys) == {}
    first = ends(capsys, text, "--word", "OCUPADO=busy")
    again = ends(capsys, text, "--word", "OCUPADO=busy")

    assert (dry.code, first.code, again.code) == (0, 0, 0)
    assert "changed         0 (dry run)" in dry.out
    assert first.out.splitlines()[:3] == [
        "recorded        3",
        "known before    0",
        "rejected rows   0",
    ]
    assert again.out.splitlines()[:2] == ["recorded        0", "known before    3"]
    assert known(capsys) == {"#1": "busy", "#2": "busy", "#3": "no_answer"}
    [row] = rows_of(capsys, "--disposition", "no_answer")
    assert (row["end_evidence"], row["word"]) == ("report", "no-answer")
    assert row["ended_at"] is not None  # when it was imported: never too early


def test_rows_that_can_not_be_used(capsys: Capture) -> None:
    """A row that tells the end of no call is told with line and reason, and no more."""
    ran = ends(
        capsys,
        "contact;id;disposition;ended_at\n"
        "#1;;free;\n#99;;busy;\n;nobody;busy;\n;;busy;\n#x;;busy;\n"
        "#4;;busy;\n#5;;busy;\n#2;C0;busy;\n#3;;busy;noon\n"
        "#3;;busy;2001-01-01T00:00:00Z\n#6;;busy;\n#6;;answered;\n",
    )

    assert ran.code == 1
    assert [line.partition("line ")[2] for line in ran.err.splitlines()] == [
        f"2: its disposition is none of {WORDS}, and no word that was given a meaning",
        "5: it names no call: contact, id and call_id are empty",
        "6: its contact is no number such as #17",
        "10: its ended_at is no time such as 2026-12-01T09:00:00-03:00",
        "9: its id and its contact are two contacts",
        "11: its times are before the contact's last call",
        "7: its contact is unknown: digitro reconcile settles it first",
        "8: its contact is rejected",
        "12: the file says two things of one call",
        "13: the file says two things of one call",
        "3: the ledger has no such contact or call",
        "4: the ledger has no such contact or call",
    ]
    assert known(capsys) == {}


def test_what_events_told_stays(capsys: Capture) -> None:
    """An end that is known is not changed by a file that says another one."""
    ends(capsys, "contact;disposition\n#1;busy\n")
    other = ends(capsys, "contact;disposition\n#1;answered\n")

    assert other.code == 1
    assert "line 2: the call is known to have ended as busy" in other.err
    assert known(capsys) == {"#1": "busy"}


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        ("contact\n#1\n", (), "must name contact, id or call_id, and disposition"),
        ("disposition\nbusy\n", (), "must name contact, id or call_id"),
        ("id;id;disposition\n", (), "has the column id twice"),
        ("id;disposition\n", ("--word", "x"), "--word must be WORD=DISPOSITION"),
        ("id;disposition\n", ("--word", "x=none_seen"), "--word must be WORD="),
        ("id;disposition\n", ("--keep-source",), "ends takes LEDGER, FILE"),
    ],
)
def test_wrong_usage(
    capsys: Capture, text: str, words: tuple[str, ...], problem: str
) -> None:
    """What is missing or wrong is said, with exit code 2."""
    ran = ends(capsys, text, *words)

    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err
