"""Other processes that hold a ledger open, for the tests of its file."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from places import SUPPORT

from digitro_async import LedgerError
from digitro_async.ledger import SQLiteLedger

_HOLD: Final = """
import asyncio, sys
from pathlib import Path
from digitro_async import LedgerError
from digitro_async.ledger import SQLiteLedger
sys.path.insert(0, sys.argv[2])
from ledgers import accept, open_intents

async def main():
    try:
        async with SQLiteLedger(Path(sys.argv[1])) as ledger:
            for number in await open_intents(ledger, int(sys.argv[3])):
                if number % 2:
                    await accept(ledger, number, str(number))
            print("open", flush=True)
            await asyncio.to_thread(sys.stdin.read)
    except LedgerError as error:
        print(error.reason, flush=True)

asyncio.run(main())
"""

NEW_MOUNTS: Final = ("unshare", "-m", "--propagation", "private")
"""Begins a command whose mounts nobody else sees."""


class Owner:
    """A process that opens a ledger, makes some calls and waits.

    Args:
        path: The ledger.
        calls: Intents to open; every second one is accepted.
        shell: What is done first, in mounts of its own.
    """

    def __init__(self, path: Path, calls: int = 6, *, shell: str = "") -> None:
        words: Sequence[str] = (
            *(sys.executable, "-c", _HOLD, str(path)),
            *(str(SUPPORT), str(calls)),
        )
        if shell:
            words = (*NEW_MOUNTS, "sh", "-c", f'{shell} && exec "$@"', "sh", *words)
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()

    def kill(self) -> None:
        """End it as nothing else can."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@contextlib.contextmanager
def owner(path: Path, calls: int = 6, *, shell: str = "") -> Iterator[Owner]:
    """Hold a ledger open in another process while the block runs."""
    one = Owner(path, calls, shell=shell)
    try:
        yield one
    finally:
        one.kill()


async def refused(path: Path, **given: Any) -> LedgerError:
    """Return the error that opening ends in, also while it is open here."""
    with pytest.raises(LedgerError) as caught:
        await SQLiteLedger(path, **given).__aenter__()
    assert caught.value.__context__ is None
    return caught.value


def killed(path: Path, calls: int = 6) -> None:
    """Leave a ledger as a process does that is killed while it makes calls."""
    with owner(path, calls) as one:
        assert one.said == "open"


needs_private_mounts = pytest.mark.skipif(
    sys.platform != "linux"
    or subprocess.run(
        [*NEW_MOUNTS, "mount", "-t", "tmpfs", "none", "/mnt"],
        check=False,
        capture_output=True,
    ).returncode
    != 0,
    reason="mounts of its own are not allowed here",
)
