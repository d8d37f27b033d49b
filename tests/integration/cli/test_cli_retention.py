"""Who dials forgets whose time is over, where the configuration says so, and tells."""

import sqlite3
from pathlib import Path

import pytest
from command_line import (
    Capture,
    config,
    folder,
    number,
    numbers_of,
    pabx,
    run_here,
    write_contacts,
)
from config_files import MINIMAL, load, problem_of

from digitro_async.testing import FakePABX

__all__ = ["config", "folder", "pabx"]  # fixtures

LEDGER = "c.csv.ledger.db"


def keep_for(config: Path, days: str) -> None:
    """Let the configuration say how long persons are kept."""
    with config.open("a") as file:
        file.write(f'\n[ledger]\nforget_after = "{days}"\n')


def make_old(ledger: Path, line: int) -> None:
    """Let the call of a contact have been a hundred days ago."""
    with sqlite3.connect(ledger) as connection:
        connection.execute(
            "UPDATE contact SET sent_at = sent_at - 8640000,"
            " settled_at = settled_at - 8640000 WHERE line = ?",
            (line,),
        )
    connection.close()


def bytes_of(ledger: Path) -> bytes:
    """Return all bytes of a ledger's files."""
    return b"".join(one.read_bytes() for one in ledger.parent.glob(f"{ledger.name}*"))


def test_dial_forgets(
    folder: Path, config: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """Who was called too long ago is gone, is told of, and is not called again."""
    write_contacts(folder / "c.csv", 3)
    first = run_here(capsys, "dial", "c.csv")
    make_old(folder / LEDGER, 2)
    unsaid = run_here(capsys, "dial", "c.csv")
    keep_for(config, "99d")
    before = bytes_of(folder / LEDGER)
    told = run_here(capsys, "dial", "c.csv")
    after = bytes_of(folder / LEDGER)
    again = run_here(capsys, "dial", "c.csv")

    line = "forgotten: 1 contacts whose last call was more than 99 days ago"
    assert [one.code for one in (first, unsaid, told, again)] == [0] * 4
    assert told.err.count(line) == 1
    assert "forgotten:" not in first.err + unsaid.err + again.err
    assert number(0).encode() in before
    assert number(0).encode() not in after
    assert number(1).encode() in after
    assert sorted(numbers_of(pabx)) == [number(i) for i in range(3)]


def test_nobody_is_old(
    folder: Path, config: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A new list, and calls of today, are dialled as without the setting."""
    keep_for(config, "1d")
    write_contacts(folder / "c.csv", 2)
    codes = [run_here(capsys, "dial", "c.csv").code for _ in range(2)]

    assert codes == [0, 0]
    assert pabx.accepted == 2
    assert number(0).encode() in bytes_of(folder / LEDGER)


@pytest.mark.parametrize("given", ['"180"', "180", '"0d"', '"12h"', "true"])
def test_other_times_are_refused(tmp_path: Path, given: str) -> None:
    """Days alone are taken: who errs in a unit would erase everybody."""
    text = f"{MINIMAL}\n[ledger]\nforget_after = {given}\n"

    assert "must be a number of days" in problem_of(tmp_path, text)


def test_off_by_default(tmp_path: Path) -> None:
    """Without the setting nobody is forgotten; with it, after so many seconds."""
    text = f'{MINIMAL}\n[ledger]\nforget_after = "180d"\n'

    assert load(tmp_path, MINIMAL).ledger.forget_after is None
    assert load(tmp_path, text).ledger.forget_after == 180 * 86_400
