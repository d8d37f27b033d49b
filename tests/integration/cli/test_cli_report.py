"""``digitro report``."""

import sys
from pathlib import Path

import pytest
from command_line import (
    Capture,
    SimulatorHere,
    check_private,
    folder,
    pabx_with_config,
    run_here,
    write_contacts,
)
from report_pages import make_large_ledger, read_page

from digitro_async.cli import _report
from digitro_async.ledger import open_ledger_reader
from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["SimulatorHere", "folder", "pabx_with_config"]  # fixtures

WORDS = ("report", "--ledger", "c.db", "--zone", "UTC")


@pytest.fixture
def dialled(folder: Path, pabx: FakePABX, capsys: Capture) -> Path:
    """Dial a list with a refused call in it."""
    pabx.set_faults(FaultPlan([Fault("status", status=409, at=2)]))
    write_contacts(folder / "c.csv", 5)
    assert run_here(capsys, "dial", "c.csv", "--ledger", "c.db").code == 1
    return folder


@pytest.mark.usefixtures("dialled")
def test_lines(capsys: Capture) -> None:
    """The lines have what the ledger counts, and bars for the course of the calls."""
    ran = run_here(capsys, *WORDS)
    lines = ran.out.splitlines()
    with open_ledger_reader(Path("c.db")) as reader:
        counts = {state.value: count for state, count in reader.counts().items()}

    assert (ran.code, ran.err) == (0, "")
    assert lines[0] == "c.db: 5 contacts, 5 attempts"
    shown = {line.split()[0]: line.split()[1] for line in lines[1:3]}
    assert {name: int(count) for name, count in shown.items()} == {
        name: count for name, count in counts.items() if count
    }
    assert any("\u2588" in line and "4 (80.0 %)" in line for line in lines)
    assert "  penetration    100.0 %  5 of 5" in lines
    assert any("1 attempt answered 409 (rejected)" in line for line in lines)


@pytest.mark.usefixtures("dialled")
def test_page(capsys: Capture) -> None:
    """The page is a new file of its owner's alone, with the figures of the lines."""
    ran = run_here(capsys, *WORDS, "--out", "r.html", "--config", "digitro.toml")
    text = Path("r.html").read_text(encoding="utf-8")
    page = read_page(text)

    assert (ran.code, ran.out, ran.err) == (0, "report in r.html\n", "")
    assert Path("r.html").stat().st_mode & 0o077 == 0
    assert page.headings[0] == "Report: c.db"
    assert page.column("Contacts by state", "contacts") == {
        "accepted": "4",
        "rejected": "1",
    }
    check_private(text)


@pytest.mark.usefixtures("dialled")
def test_a_file_that_is_there(capsys: Capture) -> None:
    """A file is not overwritten unless that is asked for, and then at one go."""
    Path("r.html").write_text("mine")
    refused = run_here(capsys, *WORDS, "--out", "r.html")

    assert refused.code == 2
    assert "--out: r.html is there already" in refused.err
    assert "--replace" in refused.err
    assert Path("r.html").read_text() == "mine"

    assert run_here(capsys, *WORDS, "--out", "r.html", "--replace").code == 0
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in Path().glob(".*")] == []


@pytest.mark.usefixtures("dialled")
def test_a_page_that_fails(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that can't be written says so, and takes the place of nothing."""
    Path("r.html").write_text("mine")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "canary")

    monkeypatch.setattr(_report, "_write", fail)
    ran = run_here(capsys, *WORDS, "--out", "r.html", "--replace")
    new = run_here(capsys, *WORDS, "--out", "new.html")

    assert (ran.code, new.code) == (3, 3)
    assert "could not be written to r.html: No space left on device" in ran.err
    assert Path("r.html").read_text() == "mine"
    assert not Path("new.html").exists()
    assert [path.name for path in Path().glob(".*")] == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--ledger", "none.db"], "there is no none.db"),
        (["--ledger", "none.db", "--out", "r.html"], "there is no none.db"),
        (["--ledger", "none.db", "--zone", "Sao_Paulo"], "no time zone Sao_Paulo"),
        (["--ledger", "none.db", "--zone", "../x"], "no time zone ../x"),
        (["--ledger", "none.db", "--replace"], "--replace is about --out"),
        ([], "--ledger is missing"),
    ],
)
def test_wrong_words(capsys: Capture, words: list[str], problem: str) -> None:
    """What can't be done is refused with its reason, and no file is made."""
    ran = run_here(capsys, "report", *words)

    assert ran.code == 2
    assert problem in ran.err
    assert not Path("r.html").exists()


def test_zones(folder: Path, capsys: Capture) -> None:
    """Times are those of the zone that is named."""
    make_large_ledger(folder / "c.db", 100)
    here = run_here(capsys, *WORDS[:3], "--zone", "America/Sao_Paulo").out
    there = run_here(capsys, *WORDS).out

    assert "attempts from 2026-11-29 21:53:00" in here
    assert "(-03)" in here
    assert "attempts from 2026-11-30 00:53:00" in there
    assert "(UTC)" in there


def test_a_terminal_of_plain_letters(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the output has ASCII alone, bars are made of ASCII."""
    make_large_ledger(folder / "c.db", 100)
    assert not run_here(capsys, *WORDS).out.isascii()

    monkeypatch.setattr(_report, "_is_ascii", lambda: True)
    plain = run_here(capsys, *WORDS).out

    assert plain.isascii()
    assert "@" in plain


def test_what_says_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoding of the output decides on the bars."""
    for encoding, is_ascii in (("utf-8", False), ("UTF8", False), ("ascii", True)):
        monkeypatch.setattr(sys, "stdout", type("Stream", (), {"encoding": encoding})())
        assert _report._is_ascii() is is_ascii
