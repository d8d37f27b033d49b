"""``digitro dial`` without ``--ledger``: a file beside the contacts, or none at all."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Capture,
    Running,
    SimulatorHere,
    fake_pabx,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    read_rows,
    results_in,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async.ledger.sqlite import _ledger_files
from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["folder", "pabx_with_config"]  # fixtures

LEDGER = "c.csv.ledger.db"


def mount_as(kind: str, folder: Path, monkeypatch: Any) -> None:
    """Let the system say that a folder stands on a file system of some kind."""
    mounts = folder / "mounts"
    mounts.write_text(f"/dev/root / ext4 rw 0 0\nserver {folder} {kind} rw 0 0\n")
    monkeypatch.setattr(_ledger_files, "_MOUNTS", mounts)


class TestBeside:
    """A ledger that nobody asked for keeps everybody from being called twice."""

    def test_link_to_the_list(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A list has one ledger, by whatever link it is named."""
        write_contacts(folder / "c.csv", 5)
        (folder / "in").mkdir()
        (folder / "in" / "d.csv").symlink_to(folder / "c.csv")
        linked = run_here(capsys, "dial", "in/d.csv")
        again = run_here(capsys, "dial", "c.csv")
        (folder / "in" / "d.csv.ledger.db").touch(0o600)
        both = run_here(capsys, "dial", "in/d.csv")

        assert (linked.code, again.code, both.code) == (0, 0, 2)
        assert pabx.posts == 5
        assert (folder / LEDGER).exists()
        assert "both remember who was called" in both.err

    def test_ledger_beside_a_link(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A ledger that stands beside the link already is continued."""
        write_contacts(folder / "c.csv", 5)
        run_here(capsys, "dial", "c.csv")
        (folder / "in").mkdir()
        (folder / "in" / "d.csv").symlink_to(folder / "c.csv")
        for end in ("", ".lock"):
            name = f"d.csv.ledger.db{end}"
            (folder / f"{LEDGER}{end}").rename(folder / "in" / name)
        ran = run_here(capsys, "dial", "in/d.csv")

        assert ran.code == 0
        assert ran.err.startswith("continuing: in/d.csv.ledger.db\n")
        assert pabx.posts == 5

    def test_it_is_named_first_and_a_second_run_continues_it(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """The first line names the ledger; the same words again call nobody."""
        write_contacts(folder / "c.csv", 20)
        first = run_here(capsys, "dial", "c.csv")
        again = run_here(capsys, "dial", "c.csv")

        assert (first.code, again.code) == (0, 0)
        assert first.err.splitlines()[0] == f"new ledger: {LEDGER}"
        assert again.err.splitlines()[0] == f"continuing: {LEDGER}"
        for ran in (first, again):
            last = ran.out.splitlines()[-1]
            assert last == f"each result: digitro results --ledger {LEDGER}"
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(20)]

    def test_killed_run_is_continued(self, folder: Path) -> None:
        """After kill -9 the same words call the rest, and nobody twice."""
        with SimulatorHere(folder / "record", latency=0.1) as simulator:
            write_config(folder / "digitro.toml", simulator.base_url, rate=200)
            write_contacts(folder / "c.csv", 300)
            with start("dial", "c.csv", cwd=folder) as running:
                wait_for(lambda: len(simulator.calls()) >= 60)
                running.process.kill()
                running.end()
            write_config(folder / "digitro.toml", simulator.base_url)
            with start("dial", "c.csv", cwd=folder) as running:
                code, _, err = running.end()
            numbers = simulator.numbers()
        rows = results_in(folder / LEDGER)
        unknown = [row for row in rows if row["state"] == "unknown"]

        assert code == 1
        assert err.startswith(f"continuing: {LEDGER}\n")
        assert "calls were on the wire when the last run died" in err
        assert len(numbers) == len(set(numbers))
        assert 1 <= len(unknown) <= 100
        assert sum(row["state"] == "accepted" for row in rows) == 300 - len(unknown)

    def test_name_has_the_whole_name_of_the_file(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Two lists with one stem have two ledgers, each beside its file."""
        (folder / "a b").mkdir()
        for name in ("c.csv", "c.txt", "a b/c.csv"):
            write_contacts(folder / name, 2)
            ran = run_here(capsys, "dial", name)
            assert ran.err.startswith(f"new ledger: {name}.ledger.db\n")

        assert ran.out.endswith("--ledger 'a b/c.csv.ledger.db'\n")
        assert pabx.posts == 6

    def test_running_ledger_is_named(self, folder: Path, capsys: Capture) -> None:
        """A second dial of one list names the ledger and says how to go on."""
        with SimulatorHere(folder / "record", latency=0.1) as simulator:
            write_config(folder / "digitro.toml", simulator.base_url, rate=100)
            write_contacts(folder / "c.csv", 500)
            running = Running("dial", "c.csv", cwd=folder)
            wait_for(lambda: len(simulator.calls()) >= 5)
            second = run_here(capsys, "dial", "c.csv")
            running.process.send_signal(signal.SIGTERM)
            assert running.end().code == 130

        assert (second.code, second.out) == (2, "")
        assert second.err == (
            f"digitro: {LEDGER} is open already, here or in another process: wait "
            "until that ends, or end it with Ctrl-C (digitro status --ledger "
            f"{LEDGER} shows how far it is) [reason=in_use]\n"
        )

    @pytest.mark.parametrize("words", [("--no-ledger",), ("--ledger", "other.db")])
    def test_it_is_not_passed_over(
        self, folder: Path, pabx: FakePABX, capsys: Capture, words: tuple[str, ...]
    ) -> None:
        """Who was called is not called again because another ledger is named."""
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, "dial", "c.csv")
        ran = run_here(capsys, "dial", "c.csv", *words)

        assert (ran.code, ran.out, pabx.posts) == (2, "", 3)
        assert ran.err == (
            f"digitro: {LEDGER} remembers who was called: leave {words[0]} out to "
            "continue it, or move it away to call everybody again\n"
        )
        assert not (folder / "other.db").exists()

    def test_other_ledgers_that_are_there_are_used(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A ledger that knows the list already is continued, whatever else is there."""
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, "dial", "c.csv", "--ledger", "c.db")
        run_here(capsys, "dial", "c.csv")
        ran = run_here(capsys, "dial", "c.csv", "--ledger", "c.db")

        assert (ran.code, pabx.posts) == (0, 6)
        assert ran.err.startswith("continuing: c.db\n")


class TestPlaces:
    """Folders in which no ledger can stand."""

    def test_folder_that_can_not_be_written_to(
        self, folder: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """The way out is said: a ledger elsewhere, or none; both work."""
        write_contacts(folder / "c.csv", 3)
        monkeypatch.setattr(os, "access", lambda *_: False)
        ran = run_here(capsys, "dial", "c.csv")
        posts = pabx.posts
        elsewhere = run_here(capsys, "dial", "c.csv", "--ledger", folder / "c.db")
        without = run_here(capsys, "dial", "c.csv", "--no-ledger")

        assert (ran.code, ran.out, posts) == (2, "", 0)
        assert ran.err == (
            f"digitro: {LEDGER} can't stand beside the contacts, whose folder can't be "
            "written to: name a file elsewhere with --ledger, or dial with "
            "--no-ledger, which forgets who was called when it ends\n"
        )
        assert (elsewhere.code, without.code, pabx.posts) == (0, 0, 6)

    @pytest.mark.parametrize("kind", ["nfs4", "fuse.unheard-of"])
    def test_file_system_that_is_not_local(
        self,
        folder: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: Any,
        kind: str,
    ) -> None:
        """Beside contacts on a network disk no ledger is made; the way out is said."""
        write_contacts(folder / "c.csv", 3)
        mount_as(kind, folder, monkeypatch)
        ran = run_here(capsys, "dial", "c.csv")
        posts = pabx.posts
        insisted = run_here(capsys, "dial", "c.csv", "--any-file-system")
        again = run_here(capsys, "dial", "c.csv")

        assert (ran.code, ran.out, posts) == (2, "", 0)
        assert f"digitro: {LEDGER} would stand on a " in ran.err
        assert "--any-file-system" in ran.err
        assert "; or name a file elsewhere with --ledger, or dial with" in ran.err
        assert (insisted.code, pabx.posts) == (0, 3)
        # Through another ledger everybody would be called again.
        assert again.code == 2
        assert "--no-ledger" not in again.err


class TestInMemory:
    """``--no-ledger``: a list that is dialled and forgotten."""

    def test_it_leaves_no_file(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Everybody is called once and counted; nothing is kept but rejects."""
        pabx.set_faults(FaultPlan([Fault("lose_answer", at=2)]))
        write_contacts(folder / "c.csv", 5, bad=2)
        with (folder / "c.csv").open("a") as file:
            file.write(f"C1;{number(1)};x\n")
        ran = run_here(capsys, "dial", "c.csv", "--no-ledger")
        left = sorted(path.name for path in folder.iterdir())
        again = run_here(capsys, "dial", "c.csv", "--no-ledger")

        assert (ran.code, again.code) == (1, 1)
        assert ran.err.splitlines()[0] == "no ledger: a crash forgets who was called"
        assert "  accepted      4\n  unknown       1\n" in ran.out
        assert "digitro results" not in ran.out
        assert left == ["c.csv", "c.rejects.csv", "digitro.toml"]
        assert len(read_rows(folder / "c.rejects.csv")) == 3
        assert sorted(path.name for path in folder.iterdir()) == left
        assert pabx.posts == 10

    def test_interrupted_import_is_forgotten(self, folder: Path) -> None:
        """An import that is ended is not told to go on: nothing is left of it."""
        with SimulatorHere(folder / "record") as simulator:
            write_config(folder / "digitro.toml", simulator.base_url)
            lines = ["id;destination", *["B;ramal"] * 300_000]
            (folder / "c.csv").write_text("\n".join(lines) + "\n")
            with start("dial", "c.csv", "--no-ledger", cwd=folder) as running:
                wait_for((folder / "c.rejects.csv").exists)
                running.process.send_signal(signal.SIGTERM)
                ran = running.end()

        assert ran.code == 130
        assert ran.err.endswith(
            "interrupted: c.csv was not read to its end and nobody was called\n"
        )

    def test_pauses_and_exit_codes_are_those_of_a_ledger(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A PABX that refuses the key ends the run with exit code 3."""
        with fake_pabx(api_key="another-key") as pabx:
            write_config(folder / "digitro.toml", pabx.base_url)
            write_contacts(folder / "c.csv", 5)
            ran = run_here(capsys, "dial", "c.csv", "--no-ledger")

        assert ran.code == 3
        assert "paused: matriz (status_401)" in ran.err
        assert "  pending       5\n" in ran.out
