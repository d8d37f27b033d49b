# ruff: noqa: ASYNC240
# A ledger's files are looked at between its steps.
"""A ledger that lost some of its record is never dialled from in silence."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import fake_pabx, run_here, write_config, write_contacts
from ledgers import accept, contacts, open_intents, some
from owning import killed, owner, refused

from digitro_async import LedgerError
from digitro_async.ledger import SQLiteLedger, SQLiteLedgerReader, State
from digitro_async.ledger.sqlite._owner_lock import Mark, read_mark

WHOLE = {State.ACCEPTED: 3, State.UNKNOWN: 3}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


def beside(path: Path, end: str) -> Path:
    """Return a file beside the ledger."""
    return Path(f"{path}{end}")


def copy(path: Path, target: Path, *ends: str) -> None:
    """Copy some of a ledger's files."""
    for end in ends:
        shutil.copy2(f"{path}{end}", f"{target}{end}")


async def counts(path: Path, *, accept_loss: bool = False) -> dict[State, int]:
    """Open a ledger and return how many contacts are in each state."""
    async with SQLiteLedger(path, accept_loss=accept_loss) as ledger:
        return some(await ledger.counts())


def cut_half(path: Path) -> None:
    """Take away the second half of a file."""
    os.truncate(path, path.stat().st_size // 2)


def delete(path: Path) -> None:
    """Delete a file."""
    path.unlink()


def empty(path: Path) -> None:
    """Take everything out of a file."""
    os.truncate(path, 0)


class TestAfterACrash:
    """A process was killed while it made calls."""

    async def test_as_it_was_left(self, path: Path) -> None:
        """With all its files it is opened, again and again."""
        for _ in range(3):
            killed(path)

            assert await counts(path) == WHOLE

    # Without a lock's file a log that lost its end looks like a crash.
    @pytest.mark.parametrize(
        ("how", "with_lock"),
        [
            *((delete, True), (empty, True), (cut_half, True)),
            *((delete, False), (empty, False)),
        ],
    )
    async def test_log_lost(
        self, path: Path, how: Callable[[Path], None], *, with_lock: bool
    ) -> None:
        """Without its log it is refused and left as it is, by readers too."""
        killed(path, 400)
        how(beside(path, "-wal"))
        if not with_lock:
            beside(path, ".lock").unlink()
        before = path.read_bytes()
        error = await refused(path)
        with pytest.raises(LedgerError) as caught:
            SQLiteLedgerReader(path).__enter__()

        assert error.reason == caught.value.reason == "record_lost"
        assert "may have been called already" in str(error)
        assert path.read_bytes() == before
        assert (await refused(path)).reason == "record_lost"
        with SQLiteLedgerReader(path, accept_loss=True) as reader:
            reader.counts()

    async def test_log_put_back(self, path: Path, tmp_path: Path) -> None:
        """Being refused harms nothing: with the log put back it is whole."""
        killed(path)
        beside(path, "-wal").rename(tmp_path / "away")
        await refused(path)
        with contextlib.suppress(LedgerError), SQLiteLedgerReader(path):
            pass
        (tmp_path / "away").replace(beside(path, "-wal"))

        assert await counts(path) == WHOLE

    async def test_copied_without_the_log(self, path: Path, tmp_path: Path) -> None:
        """A copy of the main file alone is refused, also one of an open ledger."""
        other, third = tmp_path / "other.db", tmp_path / "third.db"
        with owner(path):
            copy(path, other, "")
        copy(path, third, "", ".lock")

        assert (await refused(other)).reason == "record_lost"
        assert (await refused(third)).reason == "record_lost"
        assert await counts(path) == WHOLE

    async def test_copied_whole(self, path: Path, tmp_path: Path) -> None:
        """A copy with its log is whole, with the lock's file or without it."""
        killed(path)
        for name, ends in (("one", ("", "-wal")), ("two", ("", "-wal", ".lock"))):
            copy(path, tmp_path / name, *ends)

            assert await counts(tmp_path / name) == WHOLE

    async def test_renamed_without_the_log(self, path: Path) -> None:
        """A log that stands beside the old name is missed."""
        killed(path)
        other = path.rename(path.with_name("other.db"))

        assert "beside another name" in str(await refused(other))

    async def test_emptied_by_another_program(self, path: Path) -> None:
        """A program that puts the log into the file takes nothing away."""
        killed(path)
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("SELECT * FROM contact").fetchall()

        assert not beside(path, "-wal").exists()
        assert await counts(path) == WHOLE

    async def test_insisting(self, path: Path) -> None:
        """Who insists goes on with what is left, once; then it is whole again."""
        killed(path)
        beside(path, "-wal").unlink()
        await refused(path)
        left = await counts(path, accept_loss=True)

        assert set(left) <= {State.PENDING}
        assert await counts(path) == left

    @pytest.mark.parametrize("page", [1, 500, 3_000])
    async def test_with_checkpoints(self, path: Path, page: int) -> None:
        """A log that was put into the file meanwhile is missed all the same."""
        with owner(path, page):
            pass
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            async with SQLiteLedger(path) as ledger:
                await ledger.add(contacts(page + 5))
        killed(path, page + 10)
        beside(path, "-wal").unlink()

        assert (await refused(path)).reason == "record_lost"


class TestOlderCopies:
    """Something older stands under the ledger's name."""

    async def test_closed_copy_put_back(self, path: Path, tmp_path: Path) -> None:
        """A backup that is older than its lock's file is refused."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(6))
        copy(path, tmp_path / "backup", "")
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 6)
        shutil.copy2(tmp_path / "backup", path)

        assert "an older copy was put in its place" in str(await refused(path))
        assert await counts(path, accept_loss=True) == {State.PENDING: 6}

    async def test_removed_and_begun_anew(self, path: Path) -> None:
        """A ledger that is gone is not begun anew under its name."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 2)
        path.unlink()
        error = await refused(path)
        path.touch(mode=0o600)

        assert error.reason == (await refused(path)).reason == "ledger_gone"
        assert path.stat().st_size == 0
        assert await counts(path, accept_loss=True) == {}

    async def test_removed_with_its_lock(self, path: Path) -> None:
        """Who removes its files together begins a new one."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 2)
        for end in ("", ".lock"):
            beside(path, end).unlink()

        assert await counts(path) == {}

    async def test_removed_before_the_first_call(self, path: Path) -> None:
        """A list that nobody was called from may be begun anew."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(2))
        path.unlink()

        assert await counts(path) == {}

    async def test_another_ledger(self, path: Path, tmp_path: Path) -> None:
        """Another ledger that is moved to its name is taken for what it is."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 5)
        async with SQLiteLedger(tmp_path / "other.db") as ledger:
            await ledger.add(contacts(1))
        (tmp_path / "other.db").replace(path)

        assert await counts(path) == {State.PENDING: 1}


class TestMark:
    """The mark in the lock's file."""

    async def test_how_far(self, path: Path) -> None:
        """It follows every commit, and names nobody."""
        async with SQLiteLedger(path) as ledger:
            marks = [read_mark(path)]
            numbers = await open_intents(ledger, 3)
            marks.append(read_mark(path))
            await accept(ledger, numbers[0], "1")
            marks.append(read_mark(path))

        assert all(isinstance(mark, Mark) for mark in marks)
        assert [(m.events, m.contacts) for m in marks if m] == [(0, 0), (3, 3), (4, 3)]
        assert len({mark.ledger for mark in marks if mark}) == 1

    @pytest.mark.parametrize("text", [b"", b"x" * 73, b"\xff\x00", b"0" * 200])
    async def test_that_can_not_be_read(self, path: Path, text: bytes) -> None:
        """Bytes that are no mark say nothing, and are replaced."""
        beside(path, ".lock").write_bytes(text)
        beside(path, ".lock").chmod(0o600)
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(1))

        mark = read_mark(path)
        assert mark is not None
        assert mark.contacts == 1


def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger without its log is refused by every command, until one insists."""
    monkeypatch.chdir(tmp_path)
    killed(tmp_path / "c.db")
    beside(tmp_path / "c.db", "-wal").unlink()
    write_contacts(tmp_path / "c.csv", 2)
    with fake_pabx() as pabx:
        write_config(tmp_path / "digitro.toml", pabx.base_url)
        codes = [
            run_here(capsys, *words, "--ledger", "c.db").code
            for words in (("dial", "c.csv"), ("dial",), ("status",), ("results",))
        ]
        before = pabx.posts
        insist = ("--ledger", "c.db", "--accept-loss")
        insisted = run_here(capsys, "dial", "c.csv", *insist)

    assert codes == [2] * 4
    assert before == 0
    assert insisted.code in (0, 1)
