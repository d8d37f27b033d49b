# ruff: noqa: ASYNC240
# A ledger's files are looked at between its steps.
"""Files that were there before, made by somebody else or no files at all."""

import contextlib
import os
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import fake_pabx, run_here, write_config, write_contacts
from ledgers import contacts, fails_to_open, some

from digitro_async import ConfigurationError, LedgerError
from digitro_async._common.private_files import BeforehandError, create_own, open_own
from digitro_async.contacts import RejectsFile
from digitro_async.ledger import SQLiteLedger, SQLiteLedgerReader, State
from digitro_async.testing import FakePABX, write_sample_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")

AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to give files away"
)
SOMEBODY = 12_345
"""A user that is nobody here."""

Trap = Callable[[Path, Path], None]
"""Makes something at the first path; the second is a file that must stay as it is."""


@pytest.fixture(autouse=True)
def null_device() -> Iterator[None]:
    """Give the null device its mode back, should a test fail on it as root."""
    mode = stat.S_IMODE(mode_of_null())
    yield
    if stat.S_IMODE(mode_of_null()) != mode:
        Path(os.devnull).chmod(mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    folder = tmp_path / "in"
    folder.mkdir()
    return folder / "ledger.db"


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """Return a file that nobody may change."""
    file = tmp_path / "bait"
    file.write_text("as it was")
    file.chmod(0o644)
    return file


def link(place: Path, bait: Path) -> None:
    """Link to a file."""
    place.symlink_to(bait)


def link_to_nothing(place: Path, bait: Path) -> None:
    """Link to a file that is not there."""
    place.symlink_to(bait.with_name("made by us"))


def link_to_null(place: Path, bait: Path) -> None:
    """Link to the null device."""
    place.symlink_to(os.devnull)


def hard_link(place: Path, bait: Path) -> None:
    """Give a file another name."""
    place.hardlink_to(bait)


def pipe(place: Path, bait: Path) -> None:
    """Make a pipe that nobody reads or writes."""
    os.mkfifo(place, 0o600)


def listening(place: Path, bait: Path) -> None:
    """Make a socket."""
    old = Path.cwd()
    os.chdir(place.parent)  # its path may be too long for a socket
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(place.name)
    finally:
        os.chdir(old)


def folder(place: Path, bait: Path) -> None:
    """Make a folder."""
    place.mkdir()


def for_all(place: Path, bait: Path) -> None:
    """Make a file that everybody may write to."""
    place.touch()
    place.chmod(0o666)


def for_the_group(place: Path, bait: Path) -> None:
    """Make a file that a group may write to."""
    place.touch()
    place.chmod(0o620)


TRAPS: list[Trap] = [
    *(link, link_to_nothing, link_to_null, hard_link, pipe, listening, folder),
    *(for_all, for_the_group),
]
if hasattr(os, "geteuid") and os.geteuid() == 0:

    def somebodys(place: Path, bait: Path) -> None:
        """Make a file of another user."""
        place.touch(mode=0o600)
        os.chown(place, SOMEBODY, SOMEBODY)

    def device(place: Path, bait: Path) -> None:
        """Make a device that takes everything."""
        os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))

    TRAPS += [somebodys, device]

every_trap = pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)


def mode_of_null() -> int:
    """Return the mode of the null device."""
    return Path(os.devnull).stat().st_mode


def looks(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return what can be seen of all that is in a folder."""
    found: dict[str, tuple[int, ...]] = {}
    for file in folder.rglob("*"):
        status = file.lstat()
        found[str(file)] = (status.st_mode, status.st_uid, status.st_size)
    return found


@contextlib.contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """See to it that nothing is changed in a folder."""
    null, before = mode_of_null(), looks(folder)
    yield

    assert looks(folder) == before
    assert mode_of_null() == null


class TestLedger:
    """Files of a ledger."""

    @pytest.mark.parametrize(
        ("end", "trap"),
        [
            pytest.param(end, trap, id=f"{trap.__name__}{end}")
            for end in ("", "-wal", "-shm", ".lock")
            for trap in TRAPS
            if end or trap not in (link, link_to_nothing)  # our own are followed
        ],
    )
    async def test_beforehand(
        self, path: Path, bait: Path, tmp_path: Path, trap: Trap, end: str
    ) -> None:
        """A file that is not ours alone is refused, and nothing is changed."""
        place = Path(f"{path}{end}")
        if end:
            async with SQLiteLedger(path):
                pass
            place.unlink(missing_ok=True)
        trap(place, bait)
        with unchanged(tmp_path):
            error = await fails_to_open(path)

        assert error.reason in {"not_ours", "several_names"}
        assert "can't be opened: " in str(error) or "copy it" in str(error)

    async def test_null_device(self) -> None:
        """The null device is no ledger, and keeps its mode."""
        before = mode_of_null()
        error = await fails_to_open(Path(os.devnull))

        assert "it is a device" in str(error)
        assert mode_of_null() == before
        assert not Path(f"{os.devnull}.lock").exists()

    async def test_own_link(self, path: Path, tmp_path: Path) -> None:
        """A link that we made leads to the ledger, over folders and links too."""
        (tmp_path / "folder").symlink_to(path.parent)
        (tmp_path / "one.db").symlink_to("folder/two.db")
        path.with_name("two.db").symlink_to(path.name)
        async with SQLiteLedger(tmp_path / "one.db") as ledger:
            await ledger.add(contacts(2))
        with SQLiteLedgerReader(tmp_path / "one.db") as reader:
            counts = some(reader.counts())

        assert counts == {State.PENDING: 2}
        assert path.is_file()
        assert not path.is_symlink()

    async def test_links_in_a_circle(self, path: Path) -> None:
        """Links that lead nowhere are said to."""
        path.symlink_to(path.with_name("two"))
        path.with_name("two").symlink_to(path)
        with pytest.raises(LedgerError, match="in a circle"):
            await SQLiteLedger(path).__aenter__()

    @AS_ROOT
    @pytest.mark.parametrize("where", ["file", "folder"])
    async def test_link_of_another_user(
        self, path: Path, tmp_path: Path, where: str
    ) -> None:
        """A link that somebody else made is not followed."""
        async with SQLiteLedger(path):
            pass
        way = tmp_path / "way"
        way.symlink_to(path if where == "file" else path.parent)
        os.chown(way, SOMEBODY, SOMEBODY, follow_symlinks=False)
        with unchanged(tmp_path):
            error = await fails_to_open(way if where == "file" else way / path.name)

        assert error.reason == "link_of_another"

    @pytest.mark.parametrize("trap", [pipe, folder, link_to_null])
    def test_reader(self, path: Path, bait: Path, trap: Trap) -> None:
        """A reader opens no pipe, and waits for none beside a ledger."""
        trap(path, bait)
        with pytest.raises(LedgerError):
            SQLiteLedgerReader(path).__enter__()

    async def test_reader_beside_a_pipe(self, path: Path, bait: Path) -> None:
        """A lock's file that is a pipe holds up no reader."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(2))
        Path(f"{path}.lock").unlink()
        pipe(Path(f"{path}.lock"), bait)
        with SQLiteLedgerReader(path) as reader:
            assert some(reader.counts()) == {State.PENDING: 2}

    async def test_readable_by_others(self, path: Path) -> None:
        """A ledger that others could only read is closed to them and used."""
        async with SQLiteLedger(path):
            pass
        for file in path.parent.iterdir():
            file.chmod(0o644)
        async with SQLiteLedger(path):
            pass

        modes = {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert modes == {0o600}


class TestOutput:
    """Files that commands write."""

    @every_trap
    async def test_record(
        self, path: Path, bait: Path, tmp_path: Path, trap: Trap
    ) -> None:
        """The simulator's record goes into no file of somebody else."""
        trap(path, bait)
        pabx = FakePABX(record_path=path)
        with unchanged(tmp_path), pytest.raises(ConfigurationError) as caught:
            await pabx.start()
        await pabx.aclose()

        assert str(caught.value).startswith("the record can't be written: it ") or (
            "others may write" in str(caught.value)
        )

    @every_trap
    def test_rejects_and_samples(
        self, path: Path, bait: Path, tmp_path: Path, trap: Trap
    ) -> None:
        """Rejects and samples are new files, whatever is there."""
        trap(path, bait)
        with unchanged(tmp_path), pytest.raises(ConfigurationError):
            RejectsFile(path).__enter__()
        with unchanged(tmp_path), pytest.raises(ConfigurationError):
            write_sample_file(path, 3)

    def test_command_line(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Commands say what is wrong, exit with 2, and call nobody."""
        monkeypatch.chdir(tmp_path)
        write_contacts(tmp_path / "c.csv", 3)
        for_all(tmp_path / "open.db", tmp_path)
        null = mode_of_null()
        with fake_pabx() as pabx:
            write_config(tmp_path / "digitro.toml", pabx.base_url)
            ran = [
                run_here(capsys, "dial", "c.csv", "--ledger", name)
                for name in (os.devnull, "open.db")
            ]
            ran.append(
                run_here(capsys, "simulate", "--port", 0, "--record", os.devnull)
            )

        assert [one.code for one in ran] == [2, 2, 2]
        assert "it is a device" in ran[0].err
        assert "others may write to it" in ran[1].err
        assert "the record can't be written: it is a device" in ran[2].err
        assert pabx.posts == 0
        assert mode_of_null() == null

    def test_configuration_for_all(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A configuration, or a key's file, that everybody may change is refused."""
        config = write_config(tmp_path / "digitro.toml", "http://127.0.0.1:9")
        config.chmod(0o666)
        words = ("call", "1", "--config", config)
        whole = run_here(capsys, *words)
        key = tmp_path / "key"
        key.write_text("k")
        key.chmod(0o666)
        text = (
            config.read_text()
            .replace("api_key =", "#")
            .replace("channel_id", 'api_key_file = "key"\nchannel_id')
        )
        config.unlink()
        config.write_text(text)
        by_key = run_here(capsys, *words)

        assert (whole.code, by_key.code) == (2, 2)
        assert "everybody may write to it" in whole.err
        assert "everybody may write to it" in by_key.err

    @pytest.mark.parametrize("umask", [0, 0o022, 0o777])
    def test_modes_whatever_the_umask(self, tmp_path: Path, umask: int) -> None:
        """A new file is its owner's alone and of use to him."""
        old = os.umask(umask)
        try:
            os.close(create_own(tmp_path / "new", os.O_WRONLY))
            os.close(open_own(tmp_path / "other", os.O_WRONLY))
        finally:
            os.umask(old)

        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "other").stat().st_mode & 0o777 == 0o600

    def test_file_that_is_swapped(
        self, path: Path, bait: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that becomes another between the look and the opening is refused."""
        path.touch(mode=0o600)
        real = os.lstat

        def swap(name: Path) -> os.stat_result:
            status = real(name)
            path.unlink()
            hard_link(path, bait)
            return status

        monkeypatch.setattr(os, "lstat", swap)
        with pytest.raises(BeforehandError):
            open_own(path, os.O_WRONLY)

        assert bait.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(sys.platform == "win32", reason="has no modes")
@pytest.mark.parametrize("umask", [0, 0o022])
def test_demo(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    umask: int,
) -> None:
    """The demo's folder and its files are their owner's alone, whatever the umask."""
    monkeypatch.chdir(tmp_path)
    old = os.umask(umask)
    try:
        ran = run_here(
            capsys, "demo", "--contacts", 3, "--rate", 100, "--directory", "d"
        )
    finally:
        os.umask(old)
    modes = {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "d").iterdir()}

    assert ran.code == 0
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    assert modes == {0o600}
    shutil.rmtree(tmp_path / "d")
