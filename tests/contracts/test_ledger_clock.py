"""A wall clock that is set frees no slot and ends no quarantine."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgers import Shelf
from slots_scene import begin, lose_some, taken

from digitro_async import LedgerError
from digitro_async.campaign import EvidenceProblem, EvidenceRow, reconcile_rows
from digitro_async.ledger import Ledger, State, _machine_clock
from digitro_async.ledger._ledger_clock import Clock

HOUR = 3600.0


class Wall:
    """The clocks of a machine, which tests may set."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.set_by = 0.0
        self.passed = 0.0
        self._boot = folder / "boot_id"
        self.restart("first")
        real, since_start = time.time, time.clock_gettime
        patch.setattr(time, "time", lambda: real() + self.passed + self.set_by)
        patch.setattr(time, "clock_gettime", lambda of: since_start(of) + self.passed)
        patch.setattr(_machine_clock, "_BOOT_ID", self._boot)

    def restart(self, boot: str) -> None:
        """Become another machine, or the same after a start."""
        self._boot.write_text(f"{boot}\n")


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Wall]:
    """Return clocks that can be set."""
    with monkeypatch.context() as patch:
        yield Wall(patch, tmp_path)


class TestClock:
    """A wall clock that is set frees nothing."""

    @pytest.mark.parametrize("step", [HOUR, -HOUR, 2 * HOUR, 1e6, -1e6, 130.0])
    async def test_set_between_runs(
        self, shelf: Shelf, wall: Wall, step: float
    ) -> None:
        """Slots are held as long as if the clock had not been set."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            wall.passed, wall.set_by = 60.0, step

            assert taken(await begin(ledger)) == (1, 2)

    @pytest.mark.parametrize("step", [HOUR, -HOUR])
    async def test_set_while_it_runs(
        self, shelf: Shelf, wall: Wall, step: float
    ) -> None:
        """A step between two calls of one run does not matter."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            wall.set_by = step
            await lose_some(ledger)

            assert taken(await begin(ledger)) == (1, 2)

    async def test_time_goes_on(self, shelf: Shelf, wall: Wall) -> None:
        """Slots are free when their time has passed, whatever the clock says."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            wall.passed, wall.set_by = 2 * HOUR, HOUR

            assert taken(await begin(ledger)) == (0, 0)

    async def test_another_machine(self, shelf: Shelf, wall: Wall) -> None:
        """A call of another machine counts from the time it is first seen here."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            wall.passed, wall.set_by = HOUR, -HOUR
            wall.restart("second")

            assert taken(await begin(ledger)) == (1, 2)

            wall.passed += 2 * HOUR

            assert taken(await begin(ledger)) == (0, 0)

    @pytest.mark.parametrize("step", [HOUR, 121.0])
    async def test_reconcile(self, shelf: Shelf, wall: Wall, step: float) -> None:
        """A clock that is set forward does not shorten the quarantine."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            wall.set_by = step
            with pytest.raises(LedgerError, match=r"for 120 s \[") as caught:
                await self.reconcile(ledger)

            assert caught.value.reason == "quarantine"

            wall.passed = 121.0

            assert await self.reconcile(ledger) is State.PENDING

    async def test_reconcile_on_another_machine(self, shelf: Shelf, wall: Wall) -> None:
        """The wait to reconcile begins when the other machine's call is first seen."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            wall.passed = HOUR
            wall.restart("second")
            with pytest.raises(LedgerError, match="for 120 s: another machine"):
                await self.reconcile(ledger)
            wall.passed += 121.0

            assert await self.reconcile(ledger) is State.PENDING

    async def test_a_dry_run_on_another_machine(self, shelf: Shelf, wall: Wall) -> None:
        """A dry run refuses what the run itself would, whoever made the call."""
        row = EvidenceRow(line=2, accepted=False, number=1, evidence="seen")
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            wall.passed = HOUR
            wall.restart("second")
            told: list[EvidenceProblem] = []
            for dry_run in (True, False):
                await reconcile_rows(
                    ledger, [row], dry_run=dry_run, problem=told.append
                )

        assert [one.reason[:9] for one in told] == ["too early"] * 2

    async def reconcile(self, ledger: Ledger) -> State:
        """Settle the first contact."""
        done = await ledger.reconcile(
            "#1", accepted=False, evidence="seen", now=time.time()
        )
        return done.state

    @pytest.mark.parametrize(
        "kept", [None, "", "[]", "{}", '{"boot": "a", "since": "x", "offset": 1}', "7"]
    )
    def test_damaged(self, kept: str | None) -> None:
        """A clock that can't be read is none."""
        assert Clock.of_setting(kept) is None

    async def test_no_boot_id(self, shelf: Shelf, wall: Wall, tmp_path: Path) -> None:
        """Where machines can't be told apart, slots are held from now on."""
        (tmp_path / "boot_id").unlink()
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            wall.set_by = HOUR

            assert taken(await begin(ledger)) == (1, 2)
            assert await self.reconcile(ledger) is State.PENDING
