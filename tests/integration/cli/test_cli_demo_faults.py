"""``digitro demo --faults``."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_line import Capture, folder, run_here

from digitro_async.cli import _demo_faults
from digitro_async.cli._demo_faults import judge, say_judgement
from digitro_async.ledger import ContactRecord, State
from digitro_async.privacy import Personal
from digitro_async.testing import FaultPlan

__all__ = ["folder"]  # fixtures

NUMBERS = {"A": "0481", "B": "0482", "C": "0483"}


def entry(own_id: str, state: State, call_id: str | None = None) -> ContactRecord:
    """Return what a ledger says of a contact."""
    return ContactRecord(
        number=1,
        id=Personal(own_id),
        line=2,
        state=state,
        call_id=call_id,
        pabx="demo",
        attempts=1,
        reason=None,
        sent_at=1.0,
        settled_at=2.0,
    )


def call(number: str, call_id: str | None, *, placed: bool = True) -> dict[str, Any]:
    """Return one line of a simulator's record."""
    return {"destination": number, "call_id": call_id, "placed": placed}


ACCEPTED, UNKNOWN, PENDING = State.ACCEPTED, State.UNKNOWN, State.PENDING
RECORD = [call("0481", "1"), call("0482", "2"), call("0483", "3")]


@pytest.mark.parametrize(
    ("record", "entries", "kept"),
    [
        (RECORD, [("A", ACCEPTED, "1"), ("B", ACCEPTED, "2"), ("C", UNKNOWN)], True),
        (RECORD[:2], [("A", ACCEPTED, "1"), ("B", UNKNOWN), ("C", UNKNOWN)], True),
        # Called twice; lost; said to be accepted or pending wrongly; left pending.
        (
            [*RECORD, call("0481", "4")],
            [("A", ACCEPTED, "1"), ("B", ACCEPTED, "2"), ("C", UNKNOWN)],
            False,
        ),
        (RECORD, [("A", ACCEPTED, "1"), ("B", ACCEPTED, "2")], False),
        (RECORD, [("A", ACCEPTED, "9"), ("B", UNKNOWN), ("C", UNKNOWN)], False),
        (RECORD[1:], [("A", ACCEPTED, "1"), ("B", UNKNOWN), ("C", UNKNOWN)], False),
        (RECORD, [("A", PENDING), ("B", UNKNOWN), ("C", UNKNOWN)], False),
        (RECORD[1:], [("A", PENDING), ("B", UNKNOWN), ("C", UNKNOWN)], False),
    ],
)
def test_promise(
    record: list[dict[str, Any]],
    entries: list[tuple[Any, ...]],
    kept: bool,
    capsys: Capture,
) -> None:
    """The promise is kept where nobody was called twice and the ledger is right."""
    judgement = judge(NUMBERS, record, [entry(*one) for one in entries])
    code = say_judgement(judgement, Path("l.db"), Path("calls.jsonl"))
    printed = capsys.readouterr()

    assert judgement.is_kept is kept
    assert code == (0 if kept else 3)
    assert ("promise was not kept" in printed.err) is not kept
    assert printed.out.startswith(f"3 contacts, {judgement.twice} called twice, ")
    assert judgement.unknown == [one[1] for one in entries].count(UNKNOWN)


def test_unknown_contacts_have_their_evidence() -> None:
    """Of an unknown contact it is told where the record has its call."""
    entries = [entry("A", ACCEPTED, "1"), entry("B", UNKNOWN), entry("C", UNKNOWN)]
    record = [RECORD[0], call("0483", None, placed=False), RECORD[1]]

    assert judge(NUMBERS, record, entries).unknown_rang == {"B": 3}


def test_plan() -> None:
    """One answer in a hundred is lost."""
    plan = FaultPlan.from_mapping(tomllib.loads(_demo_faults.FAULTS))

    [fault] = plan.faults
    assert (fault.kind, fault.probability) == ("lose_answer", 0.01)


def test_demo(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dial is killed and continued, and the sentence is that of record and ledger."""
    more = _demo_faults.FAULTS.replace("0.01", "0.1")  # for few contacts
    monkeypatch.setattr(_demo_faults, "FAULTS", more)
    # Three seconds: on a busy machine the kill comes late.
    words = ("--faults", "--contacts", 300, "--rate", 100, "--directory", "d")
    code, out, _ = run_here(capsys, "demo", *words)
    lines = (folder / "d/calls.jsonl").read_text(encoding="utf-8").splitlines()
    rung = [json.loads(line)["destination"] for line in lines]

    assert code == 0
    assert len(rung) == len(set(rung)) <= 300
    killed = re.search(r"killed \(kill -9\) after (\d+) calls", out)
    assert killed
    assert 120 <= int(killed[1]) < 300
    ran = run_here(capsys, "results", "--ledger", "d/contacts.csv.ledger.db")
    unknown = ran.out.count(",unknown,")
    assert ",owner_gone," in ran.out  # on the wire at the kill
    assert f"300 contacts, 0 called twice, {unknown} unknown\n" in out
    tried = re.findall(r"(?m)^  digitro (.*)$", out)
    assert len(tried) == 2
    shown, settled = (
        run_here(capsys, *shlex.split(line, comments=True)) for line in tried
    )
    assert shown.out.count(",unknown,") == unknown
    assert settled.code == 2
    assert "too early: its call may still be delivered" in settled.err


def test_first_run_that_fails_is_said(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dial that ends before the kill is told by its exit code."""
    original = _demo_faults._Dial
    monkeypatch.setattr(_demo_faults, "_Dial", lambda _: original(["dial", "gone.csv"]))
    ran = run_here(capsys, "demo", "--faults", "--contacts", 9, "--directory", "d")

    assert ran.code == 3
    assert "the first run ended with exit code 2" in ran.err
