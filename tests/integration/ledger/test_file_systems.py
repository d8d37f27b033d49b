"""Where a ledger may stand: on file systems that are known to be local."""

from pathlib import Path
from typing import Any

import pytest
from command_line import fake_pabx, run_here, write_config, write_contacts
from ledgers import contacts, fails_to_open, some

from digitro_async import open_ledger
from digitro_async.ledger import SQLiteLedger, State
from digitro_async.ledger.sqlite import _ledger_files

LOCAL = [
    *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs"),
    *("tmpfs", "overlay", "apfs", "ufs", "ntfs3", "exfat", "vfat", "fuseblk"),
]
OTHERS = [
    *("9p", "nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "afs", "virtiofs"),
    *("vboxsf", "fuse.sshfs", "fuse.s3fs", "fuse.juicefs", "fuse.ceph"),
    *("fuse.vmhgfs-fuse", "fuse.mount-s3", "fuse.unheard-of", "fakeowner", "squashfs"),
    *("prl_fs", "fuse", "unheard-of", "fuse.ceph-fuse", "drvfs", "autofs", "none"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


def mount_as(kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system say that the ledger's folder is of a kind."""
    mounts = path.parent.with_name("mounts")
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nx {path.parent} {kind} rw 0 0\n")
    monkeypatch.setattr(_ledger_files, "_MOUNTS", mounts)


@pytest.mark.parametrize("kind", LOCAL)
async def test_local(path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A file system that is known to be local is taken."""
    mount_as(kind, path, monkeypatch)
    async with SQLiteLedger(path):
        pass


@pytest.mark.parametrize("kind", OTHERS)
async def test_others(path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Any other is refused by its name, with the way out, and nothing is made."""
    mount_as(kind, path, monkeypatch)
    error = await fails_to_open(path)

    assert error.reason in {"network_file_system", "unknown_file_system"}
    assert f"({kind})" in str(error)
    assert "--any-file-system" in str(error)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("kind", ["nfs4", "unheard-of"])
async def test_insisting(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Who insists gets a ledger, by every way to open one."""
    mount_as(kind, path, monkeypatch)
    async with SQLiteLedger(path, any_file_system=True) as ledger:
        await ledger.add(contacts(2))
    for address in (path, str(path), f"sqlite:///{path}"):
        async with open_ledger(address, any_file_system=True) as ledger:
            assert some(await ledger.counts()) == {State.PENDING: 2}


async def test_this_machine(path: Path) -> None:
    """The file system of these tests is one of them."""
    async with SQLiteLedger(path):
        pass


def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The command says why, and dials where one insists."""
    folder = tmp_path / "in"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_contacts(folder / "c.csv", 2)
    mount_as("virtiofs", folder / "c.db", monkeypatch)
    words = ("dial", "c.csv", "--ledger", "c.db")
    with fake_pabx() as pabx:
        write_config(folder / "digitro.toml", pabx.base_url)
        refused = run_here(capsys, *words)
        before = pabx.posts
        insisted = run_here(capsys, *words, "--any-file-system")
        received = pabx.posts

    assert (refused.code, before) == (2, 0)
    assert "(virtiofs)" in refused.err
    assert (insisted.code, received) == (0, 2)
