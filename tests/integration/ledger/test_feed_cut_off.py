"""Who begins to read the results of a ledger's file may be cut off at any moment."""

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from helpers import until
from ledgers import contacts

from digitro_async import LedgerError
from digitro_async.ledger import SQLiteLedger, open_result_feed
from digitro_async.ledger.sqlite._result_cursor import ResultCursor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Make a ledger that nobody has open."""
    path = tmp_path / "ledger.db"
    async with SQLiteLedger(path) as ledger:
        await ledger.add(contacts(1))
    return path


def open_files(path: Path) -> list[str]:
    """Return the files of a ledger that this process has open."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        try:
            name = str(one.readlink())
        except OSError:  # the folder itself, read a moment ago
            continue
        if name.startswith(str(path)):
            found.append(name)
    return found


@pytest.mark.parametrize("turns", [1, 2])
async def test_a_beginning_that_is_cancelled(path: Path, turns: int) -> None:
    """Whoever is cancelled as it opens a ledger's results leaves no file open."""
    entering = asyncio.ensure_future(open_result_feed(path).__aenter__())
    for _ in range(turns):
        await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering

    await until(lambda: not open_files(path))


async def test_a_ledger_that_is_refused(path: Path) -> None:
    """A ledger whose results can't be read is closed again."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    feed = open_result_feed(path)
    with pytest.raises(LedgerError, match="earlier version"):
        await feed.__aenter__()

    await until(lambda: not open_files(path))


async def test_whoever_comes_next_finds_them_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever leaves the results waits until their files are closed."""
    close = ResultCursor.close

    def close_late(cursor: ResultCursor) -> None:
        time.sleep(0.05)
        close(cursor)

    monkeypatch.setattr(ResultCursor, "close", close_late)
    async with open_result_feed(path) as feed:
        await feed.read(1)

    assert open_files(path) == []
