# ruff: noqa: ASYNC240
# A ledger's files are looked at between its steps.
"""One owner a file, whatever it is called and wherever it is mounted."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from ledgers import (
    claim,
    contacts,
    some,
)
from owning import killed, needs_private_mounts, owner, refused

from digitro_async import LedgerError, LedgerInUseError
from digitro_async.ledger import SQLiteLedger, SQLiteLedgerReader, State
from digitro_async.ledger.sqlite._descriptors import hold

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    folder = tmp_path / "one"
    folder.mkdir()
    return folder / "ledger.db"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return another place for it."""
    folder = tmp_path / "two"
    folder.mkdir()
    return folder / "other.db"


class TestHardLinks:
    """Several names of one file."""

    async def test_while_it_is_open(self, path: Path, elsewhere: Path) -> None:
        """A second name of an open ledger is refused, and the first goes on."""
        async with SQLiteLedger(path) as ledger:
            os.link(path, elsewhere)
            error = await refused(elsewhere)
            await ledger.add(contacts(3))

            assert len(await claim(ledger, 3)) == 3
        assert error.reason == "several_names"
        assert "copy it to a name of its own" in str(error)
        assert [file.name for file in elsewhere.parent.iterdir()] == ["other.db"]

    async def test_by_both_names(self, path: Path, elsewhere: Path) -> None:
        """A ledger with two names is opened and read by neither."""
        async with SQLiteLedger(path):
            pass
        os.link(path, elsewhere)
        for name in (path, elsewhere):
            assert (await refused(name)).reason == "several_names"
            with pytest.raises(LedgerError) as caught:
                SQLiteLedgerReader(name).__enter__()
            assert caught.value.reason == "several_names"
        elsewhere.unlink()
        async with SQLiteLedger(path):
            pass

    @pytest.mark.parametrize("end", ["-wal", "-shm", ".lock"])
    async def test_of_a_file_beside_it(
        self, path: Path, elsewhere: Path, end: str
    ) -> None:
        """A file beside it that has another name is refused too."""
        async with SQLiteLedger(path):
            pass
        elsewhere.touch(mode=0o600)
        Path(f"{path}{end}").unlink(missing_ok=True)
        os.link(elsewhere, f"{path}{end}")

        assert "several names" in str(await refused(path))
        assert elsewhere.stat().st_size == 0

    @LINUX
    async def test_the_file_itself_is_locked(self, path: Path, elsewhere: Path) -> None:
        """Though nothing beside it is the same, the file has one owner, until kill."""
        with owner(path) as first:
            assert first.said == "open"
            os.link(path, elsewhere)
            path.unlink()
            error = await refused(elsewhere)
            first.kill()
        with pytest.raises(LedgerError) as caught:
            await SQLiteLedger(elsewhere).__aenter__()

        assert isinstance(error, LedgerInUseError)
        assert "under another name" in str(error)
        assert caught.value.reason == "record_lost"

    @LINUX
    async def test_within_one_process(self, path: Path, elsewhere: Path) -> None:
        """A ledger that was moved while it is open here is not opened here again."""
        async with SQLiteLedger(path):
            path.rename(elsewhere)
            error = await refused(elsewhere)

        assert isinstance(error, LedgerInUseError)

    @LINUX
    async def test_lock_file_removed(self, path: Path) -> None:
        """Who removes the lock's file does not make room for a second owner."""
        with owner(path):
            Path(f"{path}.lock").unlink()

            assert isinstance(await refused(path), LedgerInUseError)


@LINUX
class TestDescriptors:
    """SQLite's locks of this process, which closing any descriptor would drop."""

    async def test_after_a_refused_opening(self, path: Path) -> None:
        """An opening that is refused and readers that come and go drop no lock."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(1))
            await refused(path)
            with SQLiteLedgerReader(path) as reader:
                assert some(reader.counts()) == {State.PENDING: 1}

            assert posix_locks(path) == 1
        assert posix_locks(path) == 0

    async def test_reader_that_outlives_the_owner(self, path: Path) -> None:
        """A reader keeps its locks when the ledger is closed here."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(1))
            reader = SQLiteLedgerReader(path).__enter__()
        with reader:
            assert posix_locks(path) == 1

        assert posix_locks(path) == 0

    async def test_the_rest_is_closed(self, path: Path) -> None:
        """Nothing of a ledger stays open once it is closed."""
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            async with SQLiteLedger(path) as ledger:
                await ledger.add(contacts(1))
            with SQLiteLedgerReader(path) as reader:
                reader.counts()

        assert len(list(Path("/proc/self/fd").iterdir())) == before

    async def test_other_programs_may_write(self, path: Path) -> None:
        """The lock of the file itself is none that keeps SQLite out."""
        with owner(path), closing(sqlite3.connect(path)) as other:
            other.execute("INSERT INTO setting VALUES ('mine', '1')")
            other.commit()
            found = other.execute("SELECT count(*) FROM contact").fetchone()

        assert found == (6,)

    def test_held_once(self, path: Path) -> None:
        """Whoever holds a file here holds the same descriptor; the last closes it."""
        path.touch()
        one, two = hold(path), hold(path)
        assert one is not None
        assert one is two
        one.let_go()
        os.fstat(one.number)
        one.let_go()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(one.number)


def posix_locks(path: Path) -> int:
    """Count the locks of SQLite's kind that this process has on a file."""
    inode = path.stat().st_ino
    lines = Path("/proc/locks").read_text().splitlines()
    return sum(
        " POSIX " in line and f" {os.getpid()} " in line and f":{inode} " in line
        for line in lines
    )


@needs_private_mounts
class TestMounts:
    """Single files that are mounted, as containers do it."""

    async def test_both_at_once(self, path: Path, elsewhere: Path) -> None:
        """A ledger that is mounted by itself is refused, owned or not."""
        async with SQLiteLedger(path):
            pass
        elsewhere.touch(mode=0o600)
        mount = f"mount --bind {path} {elsewhere}"
        with owner(elsewhere, shell=mount) as alone:
            pass
        with owner(path), owner(elsewhere, shell=mount) as second:
            pass

        assert alone.said == second.said == "single_file_mount"
        assert elsewhere.stat().st_size == 0
        assert [file.name for file in elsewhere.parent.iterdir()] == ["other.db"]

    async def test_same_name_over_itself(self, path: Path) -> None:
        """A ledger that is mounted over its own name is refused too."""
        async with SQLiteLedger(path):
            pass
        with owner(path, shell=f"mount --bind {path} {path}") as one:
            pass

        assert one.said == "single_file_mount"

    async def test_a_file_beside_it(self, path: Path, elsewhere: Path) -> None:
        """A ledger whose lock's file is mounted by itself is refused."""
        async with SQLiteLedger(path):
            pass
        elsewhere.touch(mode=0o600)
        with owner(path, shell=f"mount --bind {elsewhere} {path}.lock") as one:
            pass

        assert one.said == "single_file_mount"

    async def test_its_folder(self, path: Path, elsewhere: Path) -> None:
        """A folder may be mounted: its ledger has one owner wherever it is seen."""
        mount = f"mount --bind {path.parent} {elsewhere.parent}"
        there = elsewhere.with_name(path.name)
        with owner(path), owner(there, shell=mount) as second:
            pass
        with owner(there, shell=mount) as alone:
            assert isinstance(await refused(path), LedgerInUseError)
        async with SQLiteLedger(path) as ledger:
            counts = some(await ledger.counts())

        assert (second.said, alone.said) == ("in_use", "open")
        assert counts == {State.ACCEPTED: 3, State.UNKNOWN: 3}

    async def test_copied_to_a_name_of_its_own(
        self, path: Path, elsewhere: Path
    ) -> None:
        """The advice works: a copy with all its files is a ledger."""
        killed(path)
        for end in ("", "-wal", ".lock"):
            shutil.copy2(f"{path}{end}", f"{elsewhere}{end}")
        async with SQLiteLedger(elsewhere) as ledger:
            assert some(await ledger.counts()) == {State.ACCEPTED: 3, State.UNKNOWN: 3}
