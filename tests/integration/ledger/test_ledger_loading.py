"""Who only reads a ledger loads little."""

import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import contacts

from digitro_async.ledger import SQLiteLedger

HEAVY = (
    *("aiohttp", "anyio", "asyncio", "cattrs", "ssl"),
    *("digitro_async.client", "digitro_async.dispatch", "digitro_async.models"),
    *("digitro_async.protocol", "digitro_async.testing", "digitro_async.transport"),
)
SHOW = f"import sys\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))"
READ = """
import sys
from digitro_async.ledger import State, open_ledger_reader
with open_ledger_reader(sys.argv[1]) as reader:
    assert reader.counts()[State.PENDING] == len(list(reader.entries())) == 3
    assert reader.imports() == [] and reader.count_exhausted(5) == 0
"""


def loaded_by(program: str, *words: str) -> str:
    """Return which of the heavy modules a program loads, as it prints them."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{SHOW}", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_importing() -> None:
    """The ledger's package loads no HTTP library, no codec and no event loop."""
    assert loaded_by("import digitro_async.ledger") == "[]"


async def test_reading(tmp_path: Path) -> None:
    """Nor does counting and showing what a file holds."""
    path = tmp_path / "ledger.db"
    async with SQLiteLedger(path) as ledger:
        await ledger.add(contacts(3))

    assert loaded_by(READ, str(path)) == "[]"


def test_what_is_seen() -> None:
    """A module that is heavy is noticed."""
    assert loaded_by("import digitro_async.ledger, ssl") == "['ssl']"


@pytest.mark.parametrize("name", ["SQLite", "Elsewhere"])
def test_a_name_that_is_none(name: str) -> None:
    """A name that the package does not have is missing as in any other."""
    with pytest.raises(ImportError, match=name):
        exec(f"from digitro_async.ledger import {name}")
