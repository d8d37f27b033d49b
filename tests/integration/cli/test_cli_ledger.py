"""``digitro dial --ledger`` and the commands that read and mend a ledger."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from command_line import (
    Ran,
    Running,
    SimulatorHere,
    fake_pabx,
    number,
    numbers_of,
    read_rows,
    run_here,
    write_config,
    write_contacts,
)

from digitro_async.testing import FakePABX, Fault, FaultPlan

Capture = pytest.CaptureFixture[str]

CAMPAIGN = ("dial", "c.csv", "--ledger", "c.db")
IN_FLIGHT = 100  # the default of a PABX


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pabx(folder: Path) -> Iterator[FakePABX]:
    """Run a simulated PABX in another thread, with a configuration for it."""
    with fake_pabx() as running:
        write_config(folder / "digitro.toml", running.base_url)
        yield running


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once something is true."""
    for _ in range(1500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not come true")


def rows_of(capsys: Capture, *words: object) -> list[dict[str, object]]:
    """Return what ``digitro results`` prints about a ledger."""
    ran = run_here(capsys, "results", "--ledger", "c.db", "--format", "jsonl", *words)
    assert (ran.code, ran.err) == (0, "")
    return [json.loads(line) for line in ran.out.splitlines()]


def states_of(capsys: Capture) -> Counter[str]:
    """Return how many contacts are in each state."""
    return Counter(str(row["state"]) for row in rows_of(capsys))


class Campaigning:
    """A campaign in one process through a simulator in this one."""

    def __init__(self, folder: Path, contacts: int, latency: float) -> None:
        self.folder = folder
        self.simulator = SimulatorHere(folder / "record", latency=latency)
        write_contacts(folder / "c.csv", contacts, bad=1)

    def __enter__(self) -> Self:
        self.simulator.__enter__()
        write_config(self.folder / "digitro.toml", self.simulator.base_url, rate=200)
        self.running = Running(*CAMPAIGN, cwd=self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self.running.process.poll() is None:
            self.running.process.kill()
        self.running.process.communicate()
        self.simulator.__exit__()

    def lift_cap(self) -> None:
        """Let the runs that follow dial the rest as fast as they can."""
        write_config(self.folder / "digitro.toml", self.simulator.base_url)

    def send(self, posts: int, number_of_signal: signal.Signals) -> Ran:
        """Send a signal once so many calls were received, and wait for the end."""
        wait_for(lambda: len(self.simulator.calls()) >= posts)
        self.running.process.send_signal(number_of_signal)
        return self.running.end()


class TestTwoRuns:
    """A list that takes more than one run."""

    def test_new_ledger_and_resumed_one_are_told_apart(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A run says whether its ledger is new; the same file again adds nothing."""
        write_contacts(folder / "c.csv", 20)
        first = run_here(capsys, *CAMPAIGN)
        again = run_here(capsys, *CAMPAIGN)
        alone = run_here(capsys, "dial", "--ledger", "c.db")

        assert (first.code, again.code, alone.code) == (0, 0, 0)
        assert "new ledger: c.db\n" in first.err
        assert "c.csv: 20 new contacts, 0 known before, 0 rejected rows" in first.err
        assert "resuming: c.db\n" in again.err
        assert "c.csv: 0 new contacts, 20 known before, 0 rejected rows" in again.err
        assert alone.err == "resuming: c.db\n"
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(20)]
        assert "in the ledger: 20 contacts\n  accepted      20\n" in alone.out

    def test_more_contacts_are_called_and_none_again(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A file that has grown adds what is new in it."""
        write_contacts(folder / "c.csv", 10)
        run_here(capsys, *CAMPAIGN)
        write_contacts(folder / "c.csv", 15)
        ran = run_here(capsys, *CAMPAIGN)

        assert "c.csv: 5 new contacts, 10 known before" in ran.err
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(15)]

    def test_killed_run_is_resumed_and_calls_nobody_twice(
        self, folder: Path, capsys: Capture
    ) -> None:
        """After kill -9 everybody is called once, or unknown if on the wire then."""
        with Campaigning(folder, 600, 0.1) as campaign:
            killed = campaign.send(60, signal.SIGKILL)
            early = states_of(capsys)
            campaign.lift_cap()
            resumed = run_here(capsys, "dial", "--ledger", "c.db")
            received = campaign.simulator.numbers()
        states = states_of(capsys)

        assert killed.code == -signal.SIGKILL
        assert early["accepted"] < 600
        assert resumed.code == 1
        assert "calls were on the wire when the last run died" in resumed.err
        assert len(received) == len(set(received))
        assert set(states) == {"accepted", "unknown"}
        assert states.total() == 600
        assert 1 <= states["unknown"] <= IN_FLIGHT
        unknown = {
            number(int(str(row["line"])) - 2)
            for row in rows_of(capsys, "--state", "unknown")
        }
        assert {number(i) for i in range(600)} - unknown <= set(received)

    def test_sigterm_leaves_nothing_unknown_and_can_be_resumed(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A run that is told to end finishes its wire, and another does the rest."""
        with Campaigning(folder, 500, 0.1) as campaign:
            ended = campaign.send(60, signal.SIGTERM)
            states = states_of(capsys)
            received = len(campaign.simulator.calls())
            campaign.lift_cap()
            resumed = run_here(capsys, "dial", "--ledger", "c.db")
            numbers = campaign.simulator.numbers()

        assert ended.code == 130
        assert "interrupted: what was not read was not dialled" in ended.err
        assert states == {"accepted": received, "pending": 500 - received}
        assert resumed.code == 0
        assert sorted(numbers) == [number(i) for i in range(500)]
        assert states_of(capsys) == {"accepted": 500}

    def test_second_process_and_status_while_it_runs(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A ledger has one runner; others may look on."""
        with Campaigning(folder, 600, 0.1) as campaign:
            wait_for(lambda: len(campaign.simulator.calls()) >= 20)
            words = ("status", "--ledger", "c.db", "--watch", 0.2)
            watching = Running(*words, cwd=folder)
            second = run_here(capsys, *CAMPAIGN)
            mend = ("reconcile", "C1", "accepted", "--evidence", "it rang")
            mending = run_here(capsys, *mend, "--ledger", "c.db")
            during = run_here(capsys, "status", "--ledger", "c.db")
            watched = watching.end()
            code = campaign.running.end().code
            received = campaign.simulator.numbers()
        after = run_here(capsys, "status", "--ledger", "c.db")

        assert (second.code, second.out) == (2, "")
        assert "open already, here or in another process" in second.err
        assert (mending.code, mending.out) == (2, "")
        assert "open already" in mending.err
        assert during.code == 1
        assert "in the ledger: 600 contacts\n" in during.out
        assert "  pending" in during.out
        assert watched.code == 0
        assert watched.out.count("in the ledger: 600 contacts") > 1
        assert (code, after.code) == (1, 0)  # one row of the file is rejected
        assert after.out == "in the ledger: 600 contacts\n  accepted      600\n"
        assert sorted(received) == [number(i) for i in range(600)]

    def test_wrong_key_leaves_contacts_pending(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A PABX that refuses everything costs no contact; a mended run calls them."""
        config = folder / "digitro.toml"
        write_config(config, pabx.base_url, api_key="canary-other-key")
        write_contacts(folder / "c.csv", 20)
        refused = run_here(capsys, *CAMPAIGN)
        states = states_of(capsys)
        write_config(config, pabx.base_url)
        mended = run_here(capsys, "dial", "--ledger", "c.db")

        assert refused.code == 3
        assert "paused: matriz (status_401)" in refused.err
        assert states == {"pending": 20}
        assert pabx.accepted == 20
        assert mended.code == 0
        assert states_of(capsys) == {"accepted": 20}


class TestFiles:
    """What is written beside a ledger, and what is not."""

    def test_duplicate_is_in_the_rejects_file(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A row that repeats a contact is rejected with the line it repeats."""
        contacts = write_contacts(folder / "c.csv", 3, bad=1)
        with contacts.open("a") as file:
            file.write(f"C1;{number(77)};x\n")
        ran = run_here(capsys, *CAMPAIGN)
        rejected = read_rows(folder / "c.rejects.csv")

        assert ran.code == 1
        assert "3 new contacts, 0 known before, 2 rejected rows" in ran.err
        assert {row["line"]: row["code"] for row in rejected}["6"] == "duplicate"
        assert "line 3" in next(r["reason"] for r in rejected if r["line"] == "6")
        assert len(rejected) == 2
        assert pabx.posts == 3

    def test_duplicates_are_called_where_that_is_asked_for(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A contact that stands twice is called twice, and no more by a resumed run."""
        contacts = write_contacts(folder / "c.csv", 2)
        with contacts.open("a") as file:
            file.write(f"C1;{number(1)};x\n")
        codes = [
            run_here(capsys, *CAMPAIGN, "--allow-duplicates").code for _ in range(2)
        ]

        assert codes == [0, 0]
        assert sorted(numbers_of(pabx)) == [number(0), number(1), number(1)]

    def test_dry_run_makes_no_ledger(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A dry run counts, duplicates too, and leaves no file."""
        contacts = write_contacts(folder / "c.csv", 3)
        with contacts.open("a") as file:
            file.write(f"C1;{number(1)};x\n")
        ran = run_here(capsys, *CAMPAIGN, "--dry-run")

        assert ran.code == 1
        assert ran.out.splitlines()[:2] == ["contacts        3", "rejected rows   1"]
        assert sorted(p.name for p in folder.iterdir()) == ["c.csv", "digitro.toml"]
        assert pabx.posts == 0

    def test_dry_run_never_dials_a_ledger(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A dry run without a file is refused, and pending contacts stay so."""
        write_config(folder / "wrong.toml", pabx.base_url, api_key="canary-other-key")
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, *CAMPAIGN, "--config", "wrong.toml")
        ran = run_here(capsys, "dial", "--ledger", "c.db", "--dry-run")

        assert (ran.code, ran.out) == (2, "")
        assert "--dry-run reads a contact file" in ran.err
        assert states_of(capsys) == {"pending": 3}
        assert pabx.accepted == 0

    def test_files_are_their_owners_alone(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A ledger holds numbers: nobody else may read it or what belongs to it."""
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, *CAMPAIGN)
        modes = {path.stat().st_mode & 0o777 for path in folder.glob("c.db*")}

        assert pabx.posts == 3
        assert modes == {0o600}


class TestResults:
    """What ``digitro results`` prints."""

    @pytest.fixture(autouse=True)
    def dialled(self, folder: Path, pabx: FakePABX, capsys: Capture) -> None:
        """Dial a list with a refused call in it."""
        pabx.set_faults(FaultPlan([Fault("status", status=409, at=2)]))
        write_contacts(folder / "c.csv", 5)
        assert run_here(capsys, *CAMPAIGN).code == 1

    def test_csv(self, folder: Path, pabx: FakePABX, capsys: Capture) -> None:
        """A row for each contact, with ids and no numbers."""
        ran = run_here(capsys, "results", "--ledger", "c.db")
        (folder / "out.csv").write_text(ran.out)
        rows = read_rows(folder / "out.csv")

        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0] == (
            "contact,id,line,state,call_id,pabx,attempts,reason,sent_at,settled_at"
        )
        assert [row["contact"] for row in rows] == ["#1", "#2", "#3", "#4", "#5"]
        assert [row["id"] for row in rows] == [f"C{i}" for i in range(5)]
        assert Counter(r["state"] for r in rows) == {"accepted": 4, "rejected": 1}
        known = {call.call_id for call in pabx.calls}
        assert {r["call_id"] for r in rows if r["state"] == "accepted"} <= known

    def test_lines_of_json_and_states(self, capsys: Capture) -> None:
        """Only the states asked for are printed; several may be."""
        [rejected] = rows_of(capsys, "--state", "rejected")
        both = rows_of(capsys, "--state", "rejected", "--state", "accepted")

        assert rejected["reason"] == "status_409"
        assert rejected["call_id"] is None
        assert rejected["attempts"] == 1
        assert len(both) == 5
        assert rows_of(capsys, "--state", "unknown") == []

    def test_cell_that_a_spreadsheet_would_run_is_quoted(
        self, folder: Path, capsys: Capture
    ) -> None:
        """An id that looks like a formula is harmless in CSV, and whole in JSON."""
        (folder / "f.csv").write_text(f"id;destination\n=1+1;{number(50)}\n")
        run_here(capsys, "dial", "f.csv", "--ledger", "c.db")
        out = run_here(capsys, "results", "--ledger", "c.db").out

        assert out.splitlines()[-1].startswith("#6,'=1+1,2,accepted,")
        assert rows_of(capsys)[-1]["id"] == "=1+1"


class TestReconcile:
    """Unknown contacts are settled by evidence from elsewhere."""

    @pytest.fixture(autouse=True)
    def dialled(self, folder: Path, pabx: FakePABX, capsys: Capture) -> None:
        """Dial a list whose second call loses its answer."""
        pabx.set_faults(FaultPlan([Fault("lose_answer", at=2)]))
        write_contacts(folder / "c.csv", 4)
        ran = run_here(capsys, *CAMPAIGN)
        assert ran.code == 1
        assert "  unknown       1\n" in ran.out

    def reconcile(self, capsys: Capture, *words: object) -> Ran:
        """Reconcile a contact."""
        given = ("--ledger", "c.db", "--evidence", "call log of today")
        return run_here(capsys, "reconcile", *words, *given)

    def unknown(self, capsys: Capture) -> object:
        """Return the unknown contact as ``digitro results`` names it."""
        [row] = rows_of(capsys, "--state", "unknown")
        return row["contact"]

    def test_contact_that_is_not_unknown(self, capsys: Capture) -> None:
        """What is settled stays so."""
        [first, *_] = rows_of(capsys, "--state", "accepted")
        ran = self.reconcile(capsys, first["contact"], "not-placed")

        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("digitro: ")
        assert "accepted" in ran.err
        assert states_of(capsys) == {"accepted": 3, "unknown": 1}

    def test_too_early(self, capsys: Capture) -> None:
        """A call that may still be delivered is not made again."""
        ran = self.reconcile(capsys, self.unknown(capsys), "not-placed")

        assert (ran.code, ran.out) == (2, "")
        assert "too early: its call may still be delivered for" in ran.err
        assert states_of(capsys)["unknown"] == 1

    def test_evidence_is_required(self, capsys: Capture) -> None:
        """Without evidence nothing is settled."""
        words = ("reconcile", self.unknown(capsys), "accepted", "--ledger", "c.db")
        missing = run_here(capsys, *words)
        empty = run_here(capsys, *words, "--evidence", " ")

        assert missing.code == empty.code == 2
        assert missing.err.startswith("digitro: --evidence is missing")
        assert "say how it is known" in empty.err
        assert states_of(capsys)["unknown"] == 1

    def test_contact_that_is_not_there(self, capsys: Capture) -> None:
        """A contact that nobody knows is told to be none."""
        ran = self.reconcile(capsys, "#99", "accepted")

        assert ran.code == 2
        assert ran.err.startswith("digitro: there is no such contact ")

    @pytest.mark.parametrize(
        ("verdict", "state", "posts"),
        [("accepted", "accepted", 4), ("not-placed", "pending", 5)],
    )
    def test_verdict_holds(
        self,
        *,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        verdict: str,
        state: str,
        posts: int,
    ) -> None:
        """A contact that was not placed is dialled by the next run, another is not."""
        contact = self.unknown(capsys)
        later, since_start = time.time() + 3600, time.clock_gettime
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: later)
            patched.setattr(time, "clock_gettime", lambda of: since_start(of) + 3600)
            ran = self.reconcile(capsys, contact, verdict)

        assert (ran.code, ran.out) == (0, f"{contact} is {state} now\n")
        assert run_here(capsys, "dial", "--ledger", "c.db").code == 0
        assert pabx.posts == posts
        assert states_of(capsys) == {"accepted": 4}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("dial c.csv --ledger c.db --results r.csv", "--ledger keeps the results"),
        ("dial c.csv --ledger c.db --max-calls 3", "--max-calls does not go with"),
        ("dial --ledger c.db", "--ledger is not there; name a contact file too"),
        ("status --ledger c.db", "there is no c.db"),
        ("results --ledger c.db", "there is no c.db"),
        (
            "reconcile C1 accepted --ledger c.db --evidence x",
            "there is no c.db",
        ),
        ("status", "--ledger is missing or has no value"),
        ("results --ledger c.db --format xml", "--format can't be used like this"),
        ("results --ledger c.db --state lost", "--state can't be used like this"),
        ("status --ledger c.db --watch 0", "--watch: must be > 0"),
    ],
)
def test_wrong_use_makes_no_ledger(
    folder: Path, pabx: FakePABX, capsys: Capture, words: str, problem: str
) -> None:
    """What can't be done is said in one line, with exit code 2 and no file made."""
    write_contacts(folder / "c.csv", 3)
    ran = run_here(capsys, *words.split())

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"digitro: {problem}")
    assert ran.err.count("\n") == 1
    assert not list(folder.glob("c.db*"))
    assert pabx.posts == 0


def test_file_that_is_no_ledger_is_left_alone(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A ledger option that names the contacts changes nothing in them."""
    contacts = write_contacts(folder / "c.csv", 3)
    before = contacts.read_bytes()
    codes = [
        run_here(capsys, *words.split()).code
        for words in (
            "dial c.csv --ledger c.csv",
            "status --ledger c.csv",
            "results --ledger c.csv",
        )
    ]

    assert codes == [2, 2, 2]
    assert contacts.read_bytes() == before
    assert pabx.posts == 0
