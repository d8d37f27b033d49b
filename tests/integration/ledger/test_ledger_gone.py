# ruff: noqa: ASYNC240, ASYNC221, PT012
# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""A ledger that is taken away while it is open is missed at once."""

import asyncio
import errno
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Running,
    SimulatorHere,
    number,
    write_config,
    write_contacts,
)
from ledgers import (
    NOW,
    accept,
    claim,
    contacts,
    intend,
    open_intents,
    some,
)
from owning import needs_private_mounts, refused

from digitro_async import DigitroClient, LedgerError, Outcome, PauseSettings
from digitro_async.campaign import Campaign
from digitro_async.ledger import SQLiteLedger, State
from digitro_async.testing import FakePABX

Harm = Callable[[Path], object]
SECONDS = 1.0
"""Seconds within which there is no further call."""
BUSY = 60.0
"""Seconds by which a busy machine may be late."""


def remove(path: Path) -> None:
    """Remove the file."""
    path.unlink()


def replace(path: Path) -> None:
    """Put a copy in its place."""
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def cut_off(path: Path) -> None:
    """Empty the file."""
    os.truncate(path, 0)


def rename(path: Path) -> None:
    """Give it another name."""
    path.rename(path.with_name("elsewhere.db"))


def rename_folder(path: Path) -> None:
    """Give its folder another name."""
    path.parent.rename(path.parent.with_name("moved"))


def replace_folder(path: Path) -> None:
    """Put a copy of its folder in the folder's place."""
    rename_folder(path)
    shutil.copytree(path.parent.with_name("moved"), path.parent)


def remove_folder(path: Path) -> None:
    """Remove its folder and all that is in it."""
    shutil.rmtree(path.parent)


def remove_log(path: Path) -> None:
    """Remove the log."""
    Path(f"{path}-wal").unlink()


def replace_log(path: Path) -> None:
    """Put a copy of the log in its place."""
    replace(Path(f"{path}-wal"))


def cut_off_log(path: Path) -> None:
    """Empty the log."""
    cut_off(Path(f"{path}-wal"))


def remove_index(path: Path) -> None:
    """Remove the index of the log, by which readers and writers know one another."""
    Path(f"{path}-shm").unlink()


RESCUED = [
    *(remove, replace, rename, rename_folder, replace_folder),
    *(remove_log, replace_log, remove_index),
]
HARMS = [*RESCUED, cut_off, remove_folder, cut_off_log]
every_harm = pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    folder = tmp_path / "in"
    folder.mkdir()
    return folder / "ledger.db"


class TestLedger:
    """The errors that users of a lost ledger get."""

    @every_harm
    async def test_no_intent_is_promised(self, path: Path, harm: Harm) -> None:
        """After it nothing is said to be durable, and the error says why."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(9))
            await claim(ledger, 9)
            await intend(ledger, 1, "one", NOW)
            harm(path)
            results = await asyncio.gather(
                intend(ledger, 2, "one", NOW),
                accept(ledger, 1, "1"),
                ledger.add(contacts(12)),
                return_exceptions=True,
            )
            with pytest.raises(LedgerError) as later:
                await intend(ledger, 3, "one", NOW)

        assert {getattr(one, "reason", None) for one in results} == {"ledger_gone"}
        assert later.value.reason == "ledger_gone"
        assert "nobody is called" in str(later.value)

    @every_harm
    async def test_it_is_told_without_a_write(self, path: Path, harm: Harm) -> None:
        """While nothing is written it is found out too, and said once."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 2)
            told: asyncio.Queue[LedgerError] = asyncio.Queue()
            ledger.on_loss(told.put_nowait)
            harm(path)
            async with asyncio.timeout(SECONDS + BUSY):
                error = await told.get()
            with pytest.raises(LedgerError):
                await accept(ledger, 1, "1")

        assert error.reason == "ledger_gone"
        assert told.empty()

    @pytest.mark.parametrize("harm", RESCUED, ids=lambda harm: harm.__name__)
    async def test_what_it_held_is_saved(
        self, path: Path, tmp_path: Path, harm: Harm
    ) -> None:
        """A copy has all of it, and the outcomes of what was on the wire."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 5)
            await accept(ledger, 1, "1")
            harm(path)
            for step in (2, 3):
                with pytest.raises(LedgerError) as caught:
                    await accept(ledger, step, str(step))
        (saved,) = tmp_path.rglob("*.rescued")
        mode = saved.stat().st_mode & 0o777
        async with SQLiteLedger(saved) as again:
            counts = some(await again.counts())

        assert saved.name in str(caught.value)
        assert mode == 0o600
        assert counts == {State.ACCEPTED: 3, State.UNKNOWN: 2}

    @pytest.mark.parametrize("harm", RESCUED, ids=lambda harm: harm.__name__)
    async def test_saved_copy_put_in_place(
        self, path: Path, tmp_path: Path, harm: Harm
    ) -> None:
        """Put in the ledger's place, beside whatever is left there, it is whole."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 2_500)
            await accept(ledger, 1, "1")
            harm(path)
            with pytest.raises(LedgerError):
                await accept(ledger, 2, "2")
        (saved,) = tmp_path.rglob("*.rescued")
        place = saved.replace(saved.with_name("ledger.db"))
        async with SQLiteLedger(place) as again:
            counts = some(await again.counts())

        assert counts == {State.ACCEPTED: 2, State.UNKNOWN: 2_498}
        with closing(sqlite3.connect(place)) as other:
            assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    async def test_whatever_takes_its_place_is_left_alone(self, path: Path) -> None:
        """Another ledger under its name, with its own log, loses nothing."""
        other = path.with_name("other.db")
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(3))
            async with SQLiteLedger(other) as another:
                await another.add(contacts(7))
                for end in ("", "-wal"):
                    shutil.copy2(f"{other}{end}", f"{path}{end}.new")
            for end in ("", "-wal"):
                Path(f"{path}{end}.new").replace(f"{path}{end}")
            with pytest.raises(LedgerError):
                await claim(ledger, 1)
        async with SQLiteLedger(path) as found:
            assert some(await found.counts()) == {State.PENDING: 7}

    async def test_copy_that_took_its_place_is_not_dialled(self, path: Path) -> None:
        """A copy without what came later is refused when it is opened."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 4)
            shutil.copy2(path, path.with_name("copy"))
            await accept(ledger, 1, "1")
            path.with_name("copy").replace(path)
            with pytest.raises(LedgerError):
                await accept(ledger, 2, "2")

        assert (await refused(path)).reason == "record_lost"

    @needs_private_mounts
    async def test_unmounted(self, path: Path) -> None:
        """A disk that is taken away is missed, and nothing is put in its place."""
        subprocess.run(["mount", "-t", "tmpfs", "none", path.parent], check=True)
        try:
            async with SQLiteLedger(path) as ledger:
                await ledger.add(contacts(2))
                subprocess.run(["umount", "-l", path.parent], check=True)
                with pytest.raises(LedgerError) as caught:
                    await claim(ledger, 1)
        finally:
            subprocess.run(["umount", path.parent], check=False, capture_output=True)

        assert caught.value.reason == "ledger_gone"
        assert list(path.parent.iterdir()) == []


@pytest.fixture
def dialling(tmp_path: Path) -> Iterator[tuple[Path, SimulatorHere, Running]]:
    """Dial a long list in another process, with its ledger in a folder."""
    folder = tmp_path / "in"
    folder.mkdir()
    write_contacts(tmp_path / "c.csv", 3_000)
    with SimulatorHere(tmp_path / "record", latency=0.05) as simulator:
        write_config(tmp_path / "digitro.toml", simulator.base_url, rate=100)
        words = ("dial", "c.csv", "--ledger", "in/c.db")
        running = Running(*words, cwd=tmp_path)
        try:
            while len(simulator.calls()) < 30:
                assert running.process.poll() is None
                time.sleep(0.02)
            yield folder / "c.db", simulator, running
        finally:
            if running.process.poll() is None:
                running.process.kill()
            running.process.communicate()


@pytest.mark.parametrize(
    "harm",
    [remove, replace, cut_off, rename_folder, remove_log],
    ids=lambda h: h.__name__,
)
def test_command_line(
    dialling: tuple[Path, SimulatorHere, Running], harm: Harm
) -> None:
    """Within a second nobody is called any more; exit 3 and the reason, said once."""
    path, simulator, running = dialling
    harm(path)
    at = time.monotonic()
    ran = running.end()
    calls = simulator.calls()

    assert ran.code == 3
    assert max(call["at"] for call in calls) < at + SECONDS + BUSY
    assert "while it was open, so nothing more is recorded" in ran.err
    assert len(calls) < 3_000
    numbers = simulator.numbers()
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= {number(i) for i in range(3_000)}


async def test_closed_to_this_process(path: Path, monkeypatch: Any) -> None:
    """A ledger whose folder lets nobody in any more is missed, by its own name."""
    real = {name: getattr(os, name) for name in ("stat", "lstat", "open")}

    def forbidding(name: str) -> Any:
        def look(place: Any, *more: Any, **named: Any) -> Any:
            if isinstance(place, (str, Path)) and Path(place).parent == path.parent:
                raise PermissionError(errno.EACCES, "Permission denied", str(place))
            return real[name](place, *more, **named)

        return look

    async with SQLiteLedger(path) as ledger:
        await ledger.add(contacts(3))
        with monkeypatch.context() as patched:
            for name in real:
                patched.setattr(os, name, forbidding(name))
            with pytest.raises(LedgerError) as caught:
                await claim(ledger, 1)
            with pytest.raises(LedgerError) as unread:
                await ledger.counts()
    async with SQLiteLedger(path) as ledger:
        counts = await ledger.counts()

    assert caught.value.reason == "ledger_gone"
    assert "can't be reached any more while it was open" in str(caught.value)
    assert "can't be read: Permission denied" in str(unread.value)
    assert counts[State.PENDING] == 3


async def test_run_that_waits(path: Path) -> None:
    """A run that has nothing to write, as its PABX is paused, ends as well."""
    async with FakePABX(keep_record=False) as fake:
        patient = PauseSettings(wait_for_resume=True)
        client = DigitroClient(fake.settings(), pause=patient)
        async with SQLiteLedger(path) as ledger, client:
            await ledger.add(contacts(50))
            client.dispatcher.pause(reason="by hand")
            call = {"device": "1", "device_password": "2"}
            run = Campaign(ledger, client, call=call).run()
            with pytest.raises(LedgerError) as caught:
                async with asyncio.timeout(60), run:
                    asyncio.get_running_loop().call_later(0.1, path.unlink)
                    async for _ in run:
                        pass

    assert caught.value.reason == "ledger_gone"
    assert fake.posts == 0


async def test_unrecorded_outcomes_are_listed(path: Path) -> None:
    """Calls that were on the wire keep their results, and are listed as unrecorded."""
    async with FakePABX(latency=0.3) as fake:
        pabx = fake.settings(max_in_flight=5)
        async with SQLiteLedger(path) as ledger, DigitroClient(pabx) as client:
            await ledger.add(contacts(50))
            call = {"device": "1", "device_password": "2"}
            run = Campaign(ledger, client, call=call).run()
            outcomes: dict[object, Outcome] = {}
            with pytest.raises(LedgerError):
                async with run:
                    asyncio.get_running_loop().call_later(0.15, path.unlink)
                    async for result in run:
                        outcomes[result.key] = result.outcome
            unrecorded = run.unrecorded
    accepted = {key for key, one in outcomes.items() if one is Outcome.ACCEPTED}

    assert fake.posts == 5
    assert set(unrecorded) == {(key, Outcome.ACCEPTED) for key in accepted}
    assert len(unrecorded) == 5
