"""``digitro demo``."""

import re
import sys
from pathlib import Path

import pytest
from command_line import (
    Capture,
    folder,
    read_rows,
    refuses_connections,
    run_here,
    start,
)

from digitro_async.cli import _demo

__all__ = ["folder"]  # fixtures


class TestDemo:
    """The demonstration."""

    def test_demo_makes_its_files_and_counts(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A demonstration dials its own contacts and shows the simulator's record."""
        words = ("--contacts", 60, "--rate", 200, "--directory", "new/d")
        code, out, err = run_here(capsys, "demo", *words)
        made = sorted(path.name for path in (folder / "new/d").iterdir())

        assert code == 0
        assert err.startswith("new ledger: new/d/contacts.csv.ledger.db\n")
        assert "60 new contacts, 0 known before, 0 rejected rows" in err
        assert {
            *("calls.jsonl", "contacts.csv.ledger.db", "contacts.csv"),
            *("digitro.toml", "results.csv"),
        } <= set(made)
        assert "rejects.csv" not in made
        assert re.search(r"^accepted +60$", out, re.MULTILINE)
        assert re.search(r"^ends of calls: 60 known\n  answered ", out, re.MULTILINE)
        assert "60 calls received, 0 numbers called twice, at most 60 in any" in out
        assert out.endswith("results in new/d/results.csv\n")
        assert len(read_rows(folder / "new/d/results.csv")) == 60
        modes = {path.stat().st_mode & 0o777 for path in (folder / "new/d").iterdir()}
        assert modes == {0o600}

    def test_folder_gets_a_name_with_the_time(
        self, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A new folder is made, and a simulator that is stuck is killed."""
        monkeypatch.setattr(_demo, "_SECONDS_TO_END", 0)
        run_here(capsys, "demo", "--contacts", 1)

        assert re.fullmatch(r"demo-\d{8}-\d{6}", next(folder.iterdir()).name)

    def test_folder_that_exists_is_left_alone(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A demonstration writes into no folder that was there before."""
        ran = run_here(capsys, "demo", "--directory", folder)

        assert (ran.code, ran.out) == (2, "")
        assert ran.err == f"digitro: {folder} can't be made: File exists\n"

    def test_simulator_that_does_not_start_is_said(
        self, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its simulator a demonstration dials nothing."""
        monkeypatch.setattr(sys, "executable", "/bin/true")
        ran = run_here(capsys, "demo", "--directory", "d")

        assert ran.code == 2
        assert ran.err == "digitro: the simulator did not start\n"

    def test_killed_demo_leaves_no_simulator_behind(self, folder: Path) -> None:
        """A simulator ends with the demonstration it belongs to, however that ends."""
        with start("demo", "--directory", "d", cwd=folder) as running:
            assert running.process.stdout is not None
            running.process.stdout.readline()
            base_url = running.process.stdout.readline().split()[3].rstrip(":")
            running.process.kill()

            assert refuses_connections(base_url)
