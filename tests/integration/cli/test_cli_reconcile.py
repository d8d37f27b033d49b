"""``digitro reconcile``."""

import time
from pathlib import Path

import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    pabx_with_config,
    rows_of,
    run_here,
    states_of,
    write_contacts,
)

from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["folder", "pabx_with_config"]  # fixtures

CAMPAIGN = ("dial", "c.csv", "--ledger", "c.db")


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
        """An outcome that is final stays so."""
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
        assert ran.err.startswith("digitro: there is no such contact: ")

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
