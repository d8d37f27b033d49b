"""Orders to a dial that goes on, in a process of its own."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    Capture,
    Running,
    SimulatorHere,
    folder,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async.cli._given_orders import rate_of
from digitro_async.control import find_socket
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import SQLiteLedger

__all__ = ["folder"]  # a fixture

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="the system has no such sockets"
)

LEDGER = ("--ledger", "c.db")


@pytest.fixture
def simulator(folder: Path) -> Iterator[SimulatorHere]:
    """Run a simulated PABX, with a configuration of 4 calls a second for it."""
    with SimulatorHere(folder / "record") as running:
        write_config(folder / "digitro.toml", running.base_url, rate=4)
        yield running


@pytest.fixture
def dialling(folder: Path, simulator: SimulatorHere) -> Iterator[Running]:
    """Dial 300 contacts in another process, of which some are called."""
    write_contacts(folder / "c.csv", 300)
    with start("dial", "c.csv", *LEDGER, cwd=folder) as running:
        wait_for(lambda: bool(find_socket(folder / "c.db") and simulator.calls()))
        yield running


async def _make_ledger(path: Path) -> None:
    async with SQLiteLedger(path):
        pass


def results(capsys: Capture) -> dict[str, str]:
    """Return the state of each contact, by its id."""
    ran = run_here(capsys, "results", *LEDGER, "--format", "jsonl")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    return {row["id"]: row["state"] for row in rows}


def words_of(text: str) -> str:
    """Return the words of a text, a blank between two."""
    return " ".join(text.split())


class TestOrders:
    """A dial that goes on and its operator."""

    def test_a_day_of_an_operator(
        self,
        folder: Path,
        simulator: SimulatorHere,
        dialling: Running,
        capsys: Capture,
    ) -> None:
        """It is paused, looked at, made smaller and larger, slower, and goes on."""
        ran = run_here(capsys, "pause", *LEDGER)
        assert (ran.code, ran.out) == (0, "paused: every PABX (1)\n")
        wait_for(lambda: "0 on the wire" in run_here(capsys, "status", *LEDGER).out)
        begun = len(simulator.calls())

        status = run_here(capsys, "status", *LEDGER).out
        assert "dialled by 1 process\n" in status
        assert f"{begun} calls begun, 0 on the wire" in status
        assert "PABX matriz at 127.0.0.1:" in status
        assert "cap 4 in 1 s, paused" in status
        assert "(ordered): paused by the operator" in status

        ran = run_here(capsys, "campaign", "withdraw", "C299", *LEDGER)
        assert (ran.code, words_of(ran.out)) == (0, "withdrawn 1 too late 0")
        (folder / "names").write_text("C298\n\nC297\nC0\nnobody\n")
        named = ("campaign", "withdraw", "--file", "names")
        ran = run_here(capsys, *named, *LEDGER)
        assert ran.code == 1
        assert words_of(ran.out) == "withdrawn 2 too late 1 not found 1"
        assert "line 4: it is accepted already" in ran.err
        assert "line 5: there is no such contact" in ran.err

        more = [f"D{i};0489901{i:04d};x" for i in range(20)]
        text = "\n".join(["id;destination;user_data", *more, "E1;12 ramal;x", ""])
        (folder / "more.csv").write_text(text)
        ran = run_here(capsys, "campaign", "add", "more.csv", *LEDGER)
        assert ran.code == 1
        assert "more.csv: 20 new contacts, 0 known before, 0 updated, 1 rej" in ran.out
        assert "rejected rows are in more.rejects.csv" in ran.err

        ran = run_here(capsys, "rate", "200/s", "--pabx", "matriz", *LEDGER)
        assert (ran.code, ran.out) == (0, "rate of PABX matriz: 200 calls in 1 s\n")
        status = run_here(capsys, "status", *LEDGER).out
        assert "cap 200 in 1 s, ordered" in status
        listed = run_here(capsys, "campaign", "list", *LEDGER)
        assert listed.out.startswith("c.db: weight 1; ")
        assert "3 skipped" in listed.out

        assert len(simulator.calls()) == begun  # nothing began meanwhile
        ran = run_here(capsys, "resume", "--pabx", "matriz", *LEDGER)
        assert (ran.code, ran.out) == (0, "resumed: PABX matriz\n")
        ended = dialling.end()
        assert ended.code == 1
        states = results(capsys)
        assert {states[name] for name in ("C297", "C298", "C299")} == {"skipped"}
        assert [*states.values()].count("accepted") == 317
        assert len(simulator.numbers()) == len(set(simulator.numbers())) == 317
        assert find_socket(folder / "c.db") is None

    def test_ctrl_c_while_paused(
        self, folder: Path, dialling: Running, capsys: Capture
    ) -> None:
        """A dial that is paused ends by Ctrl-C as any other."""
        assert run_here(capsys, "pause", *LEDGER).code == 0
        dialling.process.terminate()
        assert dialling.end().code == 130
        assert find_socket(folder / "c.db") is None

    def test_after_a_kill(
        self, folder: Path, dialling: Running, capsys: Capture
    ) -> None:
        """The socket of a killed dial is nobody's, and the next dial's."""
        dialling.process.kill()
        dialling.process.wait()
        assert find_socket(folder / "c.db") is not None
        ran = run_here(capsys, "pause", *LEDGER)
        assert ran.code == 2
        assert "c.db: nobody dials it (digitro dial does)" in ran.err
        assert "dialled by" not in run_here(capsys, "status", *LEDGER).out
        with start("dial", *LEDGER, cwd=folder) as again:
            wait_for(lambda: run_here(capsys, "pause", *LEDGER).code == 0)
            again.process.terminate()
            assert again.end().code == 130


class TestNobodyDials:
    """A ledger that no process has open."""

    def test_orders(self, folder: Path, capsys: Capture) -> None:
        """What needs a ledger or a dial names what is missing, and makes no ledger."""
        of_a_dial: list[tuple[str, ...]] = [
            ("pause",),
            ("resume", "--pabx", "matriz"),
            ("rate", "20"),
            ("campaign", "list"),
        ]
        of_a_ledger: list[tuple[str, ...]] = [
            ("campaign", "withdraw", "C1"),
            ("campaign", "block", "011987654321"),
            ("campaign", "unblock", "011987654321"),
            ("campaign", "call-back", "C1", "--at", "2026-12-01T10:00-03:00"),
        ]
        for words in of_a_dial + of_a_ledger:
            ran = run_here(capsys, *words, *LEDGER)
            assert (ran.code, ran.out) == (2, "")
            assert "there is no c.db: name a ledger that was dialled" in ran.err
        assert not list(folder.iterdir())

        asyncio.run(_make_ledger(folder / "c.db"))
        for words in of_a_dial:
            ran = run_here(capsys, *words, *LEDGER)
            assert (ran.code, ran.out) == (2, "")
            assert "nobody dials it (digitro dial does)" in ran.err

    def test_changes(
        self, folder: Path, simulator: SimulatorHere, capsys: Capture
    ) -> None:
        """Contacts are added and withdrawn all the same, and the next dial knows."""
        write_contacts(folder / "c.csv", 5)
        ran = run_here(capsys, "campaign", "add", "c.csv", *LEDGER)
        assert ran.code == 0
        assert "5 new contacts" in ran.out
        assert "digitro dial calls them" in ran.out
        assert "new ledger: c.db" in ran.err
        ran = run_here(capsys, "campaign", "withdraw", "--number", "2", *LEDGER)
        assert ran.code == 0
        assert run_here(capsys, "dial", *LEDGER).code == 1
        states = results(capsys)
        assert [*states.values()].count("accepted") == len(simulator.calls()) == 4
        assert states["C1"] == "skipped"

    def test_standard_input(self, folder: Path, simulator: SimulatorHere) -> None:
        """The contacts of a withdrawal can come over a pipe, and are in no list."""
        write_contacts(folder / "c.csv", 5)
        words = ("campaign", "add", "c.csv", *LEDGER)
        with start(*words, cwd=folder) as running:
            assert running.end().code == 0
        named = ("campaign", "withdraw", "--file", "-", *LEDGER)
        with start(*named, cwd=folder, stdin=subprocess.PIPE) as running:
            out, err = running.process.communicate("C1\n#3\n", timeout=60)
        assert (running.process.returncode, err) == (0, "")
        assert out.split()[:2] == ["withdrawn", "2"]
        assert not simulator.calls()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("campaign withdraw", "name the contact once"),
        ("campaign withdraw C1 --id C2", "name the contact once"),
        ("campaign withdraw C1 --file x", "--file names the contacts"),
        ("campaign withdraw --file none", "--file can't be read"),
        ("campaign withdraw --number x", "--number must be a whole number"),
        ("campaign add", "name the file to add"),
        ("campaign add none.csv --config none.toml", "none.toml"),
        ("campaign list C1", "list takes no further word"),
        ("campaign list --id C1", "are about withdraw"),
        ("campaign weight 2", "name it with --campaign"),
        ("campaign weight 2 --campaign a", "a ledger's file holds one campaign"),
        ("pause --campaign a", "a ledger's file holds one campaign"),
        ("pause --campaign a --pabx b", "don't go together"),
        ("rate 20 --campaign a", "a cap is a PABX's"),
        ("rate 0", "RATE must be"),
        ("rate 20/m", "RATE must be"),
        ("rate -1", "RATE must be"),
    ],
)
def test_usage(words: str, problem: str, capsys: Capture) -> None:
    """What can't be meant is said before anybody is asked."""
    ran = run_here(capsys, *words.split(), *LEDGER)

    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err


def test_rates() -> None:
    """A rate is calls a second, or calls in some seconds, or that of the settings."""
    assert rate_of("20") == rate_of("20/s") == rate_of("20/1s") == (20, 1.0)
    assert rate_of("1200/60s") == (1200, 60.0)
    assert rate_of("5/0.5s") == (5, 0.5)
    assert rate_of("configured") == (None, 1.0)
    for text in ("", "0", "1.5", "20/", "20/x", "/s", "20/s/s", "+20", "1e3"):
        with pytest.raises(ConfigurationError):
            rate_of(text)
